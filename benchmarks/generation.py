"""How fast volumes are generated and written, and with how much memory, against their size.

Run it as ``python benchmarks/generation.py [--parts speed large start size] [--largest 1024]
[--threads 2]``; the tables go to ``benchmarks/results/``, those of a GPU with its name. It needs
torch, numpy, pandas, h5py, tifffile and PyYAML. Weights are drawn, not trained, which matters only
to how well the labels compress. Each volume on disk is made by a process of its own, whose peak
memory is then known.
"""

import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml
from table import of_device, write_table
from torch import Tensor, nn

from matvir.device import device_name, pick_device, pick_precision, precision_name, use_threads
from matvir.generation.blocks import BLOCK, BlockwiseGenerator
from matvir.generation.sampling import prepared, sample_blocks, sample_labels
from matvir.models.diffusion import Diffusion
from matvir.models.slicegan import Generator
from matvir.settings.build import from_dict, resolve
from matvir.settings.models import (
    DiffusionNetworkConfig,
    NetworkConfig,
    SliceganNetworkConfig,
)
from matvir.settings.records import Config
from matvir.storage.samples import write_samples
from matvir.training.checkpoint import TrainedGenerator, save_generator
from matvir.training.seeding import seeded

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("slicegan-fast", "slicegan-swd", "slicegan-paper")
LIBRARIES = ("numpy", "torch", "h5py")
N_PHASES = 3
N_THREADS = 2
N_WORKERS = 2
REPEATS, REPEATS_LARGE = 5, 3
EDGES = (64, 128, 256, 512, 1024)
# Larger volumes of these take too long for a benchmark.
DIFFUSION = "diffusion"
LARGEST = {"slicegan-swd": 512, "slicegan-paper": 512, DIFFUSION: 256}
SMALL = 64
# Edge of a volume of a hundred million voxels.
HUNDRED_MILLION = 465
LOAD = """
import sys
from pathlib import Path
import torch
from matvir.generation.blocks import BlockwiseGenerator
from matvir.training.checkpoint import load_generator
BlockwiseGenerator(load_generator(Path(sys.argv[1])).network, torch.device("cpu"))
"""


def precisions() -> list[torch.dtype]:
    """Return float32, and bfloat16 where the hardware multiplies it; elsewhere it takes minutes."""
    fastest = pick_precision("auto", pick_device())
    return [torch.float32] if fastest == torch.float32 else [torch.float32, fastest]


def network_config(name: str) -> NetworkConfig:
    """Return the network of a model of the default configuration."""
    values = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    return from_dict(Config, resolve(values)).models[name].network


def drawn_diffusion(name: str) -> Diffusion:
    """Return a diffusion model of the default configuration with its first weights."""
    config = network_config(name)
    assert isinstance(config, DiffusionNetworkConfig)
    network = Diffusion(config, N_PHASES)
    network.initialise(seeded(0))
    network.lattices.fill_(config.lattices)
    return network.eval()


def drawn_network(name: str) -> Generator:
    """Return a generator of the default configuration with its first weights."""
    config = network_config(name)
    assert isinstance(config, SliceganNetworkConfig)
    network = Generator(config, N_PHASES)
    network.initialise(seeded(0))
    with torch.no_grad():  # statistics of normalisation that fit the weights
        for step in range(4):
            network(network.draw(1, (network.latent_size_for(64),) * 3, seeded(step)))
    return network.eval()


def plain(name: str, device: torch.device) -> nn.Sequential:
    """Return the published network as one would write it down: no layout, no folding, float32."""
    network = drawn_network(name)
    layers: list[nn.Module] = []
    for level, (convolution, (kernel, stride, padding)) in enumerate(
        zip(network.convolutions, network.geometry, strict=True)
    ):
        n_in, n_out = convolution.weight.shape[:2]
        layers.append(nn.ConvTranspose3d(n_in, n_out, kernel, stride, padding))
        if level < len(network.normalisations):
            layers += [nn.BatchNorm3d(n_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Softmax(dim=1)).eval().to(device)


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def voxels_per_second(
    make: Callable[[], Any], device: torch.device, edge: int = BLOCK, repeats: int = REPEATS
) -> float:
    """Return the median over repeats for a cube of this edge, after one to warm up."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        make()
        wait_for(device)
        seconds.append(time.perf_counter() - start)
    return edge**3 / statistics.median(seconds[1:])


def speed() -> pd.DataFrame:
    """Time one block in the middle of a volume, each model in each way."""
    device = pick_device()
    network = plain("slicegan-paper", device)
    latent_size = 6  # 128 voxels with the published layers
    field = torch.randn((1, network[0].in_channels, *(latent_size,) * 3), device=device)

    @torch.inference_mode()
    def published() -> Tensor:
        labels: Tensor = network(field).argmax(dim=1)
        return labels

    base = voxels_per_second(published, device)
    rows = [row("slicegan-paper", "plain PyTorch, float32", base, base)]
    window = ((BLOCK, 2 * BLOCK),) * 3
    for name in MODELS:
        for precision in precisions():
            volume = BlockwiseGenerator(drawn_network(name), device, precision).volume(
                0, (3 * BLOCK,) * 3
            )
            found = voxels_per_second(lambda volume=volume: volume.voxels(window), device)
            rows.append(row(name, f"MatVir, {precision_name(precision)}", found, base))
    return pd.DataFrame(rows)


def row(model: str, how: str, found: float, base: float) -> dict[str, str]:
    """Return one line of the table of speeds."""
    return {
        "model": model,
        "implementation": how,
        "Mvoxel/s": f"{found / 1e6:.2f}",
        "ratio": f"{found / base:.1f}",
    }


def large(n_threads: int) -> pd.DataFrame:
    """Time the labels of a hundred million voxels, each model in each precision."""
    device, rows, edge = pick_device(), [], HUNDRED_MILLION
    for name in MODELS:
        for precision in precisions():
            generator = BlockwiseGenerator(drawn_network(name), device, precision)

            def make(generator: BlockwiseGenerator = generator) -> None:
                deque(sample_blocks(generator, (edge,) * 3, [0], n_workers=N_WORKERS), maxlen=0)

            use_threads(max(n_threads // N_WORKERS, 1))
            speed = voxels_per_second(make, device, edge, REPEATS_LARGE)
            use_threads(n_threads)
            rows.append(
                {
                    "model": name,
                    "precision": precision_name(precision),
                    "seconds": f"{edge**3 / speed:.2f}",
                    "Mvoxel/s": f"{speed / 1e6:.1f}",
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return pd.DataFrame(rows)


def write_volume(name: str, edge: int, n_threads: int) -> dict[str, float]:
    """Generate one volume to disk in this process; return seconds and peak memory in GB."""
    use_threads(n_threads)
    device = pick_device()
    network = drawn_diffusion(name) if name == DIFFUSION else drawn_network(name)
    before = peak_gb()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        generator = prepared(network, device, pick_precision("auto", device))
        n_workers = generator.workers(n_threads, (edge,) * 3, 1)
        use_threads(max(n_threads // n_workers, 1))
        write_samples(
            Path(folder) / "samples.h5",
            sample_blocks(generator, (edge,) * 3, [0], n_workers=n_workers),
            size=(edge,) * 3,
            seeds=[0],
            phases=("a", "b", "c"),
            voxel_size_um=None,
            provenance={},
        )
        return {"seconds": time.perf_counter() - start, "loaded": before, "peak": peak_gb()}


def peak_gb() -> float:
    """Return the largest resident memory of this process so far, in GB."""
    # Not getrusage: its peak is handed down from the parent process.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e9


def sizes(edges: tuple[int, ...], n_threads: int) -> pd.DataFrame:
    """Write volumes of growing edge, each from a fresh process."""
    context = multiprocessing.get_context("spawn")
    rows = []
    for name in (*MODELS, DIFFUSION):
        for edge in [edge for edge in edges if edge <= LARGEST.get(name, edge)]:
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                found = pool.submit(write_volume, name, edge, n_threads).result()
            rows.append(
                {
                    "model": name,
                    "edge": edge,
                    "seconds": f"{found['seconds']:.1f}",
                    "Mvoxel/s": f"{edge**3 / found['seconds'] / 1e6:.2f}",
                    "peak memory GB": f"{found['peak']:.2f}",
                    "of it before GB": f"{found['loaded']:.2f}",
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return pd.DataFrame(rows)


def start(name: str) -> dict[str, str]:
    """Time what one sample costs: loading in a fresh process, then volumes of 64^3."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "generator.pt"
        network = drawn_network(name)
        config = network_config(name)
        save_generator(
            path,
            TrainedGenerator(
                network=network,
                kind="slicegan",
                config=config,
                phases=("a", "b", "c"),
                voxel_size_um=None,
                provenance={},
            ),
        )
        seconds = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", LOAD, str(path)], check=True)
            seconds.append(time.perf_counter() - began)
        found = {"model": name, "load s": f"{statistics.median(seconds):.2f}"}
        for precision in precisions():
            generator = BlockwiseGenerator(network, pick_device(), precision)
            sample = voxels_per_second(
                lambda generator=generator: sample_labels(generator, (SMALL,) * 3, 0),
                pick_device(),
                SMALL,
            )
            found[f"{SMALL}^3 s, {precision_name(precision)}"] = f"{SMALL**3 / sample:.3f}"
    return found


def main() -> None:
    """Run the parts and write their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts = ("speed", "large", "start", "size")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--largest", type=int, default=EDGES[-1])
    parser.add_argument("--threads", type=int, default=N_THREADS)
    options = parser.parse_args()
    use_threads(options.threads)
    device = device_name(pick_device())
    on = f"on {device}, {options.threads} threads"
    # Tables of processors with and without bfloat16 are both kept.
    fastest = precision_name(precisions()[-1])

    # So is that of fewer sizes.
    smaller = f"-to-{options.largest}" if options.largest < EDGES[-1] else ""

    def write(part: str, frame: pd.DataFrame, note: str) -> None:
        part += smaller if part == "size" else ""
        name = of_device(f"generation-{part}-{fastest}", device)
        write_table(name, frame, note, libraries=LIBRARIES)

    if "speed" in options.parts:
        note = (
            f"One block of {BLOCK}^3 voxels to arg-max labels in memory, {on}, median of {REPEATS} "
            "after one. The plain implementation is the published network as a chain of torch's "
            "layers in their default layout."
        )
        write("speed", speed(), note)
    if "large" in options.parts:
        note = (
            f"Labels of a hundred million voxels ({HUNDRED_MILLION}^3), made and not kept, {on}, "
            f"median of {REPEATS_LARGE} after one; drawing random numbers included."
        )
        write("large", large(options.threads), note)
    if "start" in options.parts:
        note = (
            "Loading the library and a generator onto the CPU in a fresh process, then one volume "
            f"of {SMALL}^3 to labels in memory, {on}, medians of {REPEATS}."
        )
        write("start", pd.DataFrame([start(name) for name in MODELS]), note)
    if "size" in options.parts:
        note = (
            f"One cubic volume, {fastest}, labels written to HDF5 (chunked, gzip), {on}; drawing "
            "random numbers, compressing and writing included."
        )
        edges = tuple(edge for edge in EDGES if edge <= options.largest)
        write("size", sizes(edges, options.threads), note)


if __name__ == "__main__":
    main()
