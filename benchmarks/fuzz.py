"""Mutated files for every reader: each is read, or refused by an error that says why.

Run it as ``python benchmarks/fuzz.py [--runs 10000] [--readers NAME ...]``; the table goes to
``benchmarks/results/fuzz.md``. Atheris (libFuzzer) mutates small files that MatVir wrote, led by
which lines of the readers a file reaches, and ends with the file that broke it as soon as a reader
raises anything but an error of MatVir, dies, takes more than 5 s or more than 2 GB. Each reader has
a process of its own. It needs what MatVir and its tests need, and ``pip install atheris``.
"""

import argparse
import importlib
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S, MEMORY_MB, LONGEST = 5, 2048, 65536
LIBRARIES = ("numpy", "h5py", "tifffile", "imageio", "torch", "PyYAML", "atheris")
# Whose lines count as reached; more would take longer to load.
INSTRUMENTED = ["matvir", "tifffile", "imageio", "PIL", "yaml", "jsonschema", "nrrd", "rsciio"]
# What readers would import with the first file, which takes long.
ENTRANCES = (
    "matvir.micrograph.reading",
    "matvir.training.checkpoint",
    "rsciio.digitalmicrograph",
)
COUNTS_EVERY = 50
# VTK reads in a process of its own, which takes half a second to start.
FEWER = {"vti": 20}


def seed_files(reader: str, folder: Path) -> None:
    """Write the files that mutations begin with."""
    SEEDS[reader](folder)


def images() -> Iterator[tuple[str, Any]]:
    """Yield small images by name."""
    import numpy as np

    rng = np.random.default_rng(0)
    yield "grey", rng.integers(0, 256, (13, 17), dtype=np.uint8)
    yield "deep", rng.integers(0, 65536, (9, 8), dtype=np.uint16)
    yield "colour", rng.integers(0, 256, (8, 7, 3), dtype=np.uint8)


def tiff_seeds(folder: Path) -> None:
    """Write TIFF files of several kinds."""
    import tifffile

    for name, image in images():
        colour = image.ndim == 3
        for number, compression in enumerate((None, "zlib", "lzw", "packbits")):
            tifffile.imwrite(
                folder / f"{name}-{number}.tif",
                image,
                compression=compression,
                photometric="rgb" if colour else "minisblack",
            )
        if not colour:
            tifffile.imwrite(
                folder / f"{name}-stack.tif", image[None].repeat(3, 0), imagej=True,
                resolution=(2.0, 2.0), metadata={"unit": "um", "spacing": 0.5, "axes": "ZYX"},
            )  # fmt: skip


def picture_seeds(suffix: str) -> Callable[[Path], None]:
    """Return what writes pictures."""

    def write(folder: Path) -> None:
        from PIL import Image

        for name, image in images():
            if name == "deep" and suffix not in (".png", ".gif"):
                continue
            Image.fromarray(image).save(folder / f"{name}{suffix}")
        if suffix == ".png":
            palette = Image.fromarray(dict(images())["colour"]).quantize(8).convert("P")
            palette.save(folder / "palette.png")

    return write


def npy_seeds(folder: Path) -> None:
    """Write NPY files."""
    import numpy as np

    for name, image in images():
        np.save(folder / f"{name}.npy", image)
        np.save(folder / f"{name}-f.npy", np.asfortranarray(image.astype(">f4")))


def volume_seeds(*targets: str) -> Callable[[Path], None]:
    """Return what writes a small volume in some formats of other programs."""

    def write(folder: Path) -> None:
        import numpy as np

        from matvir.formats import TARGETS
        from matvir.formats.export import Export

        voxels = np.random.default_rng(0).integers(0, 2, (4, 5, 6), dtype=np.uint8)
        for edges in (None, (0.5, 0.25, 0.125)):
            export = Export(voxels=voxels, phases=("a", "b"), voxel_size_um=edges)
            for name in targets:
                TARGETS[name].write(folder / f"{edges is None}{TARGETS[name].suffix}", export)

    return write


def npz_seeds(folder: Path) -> None:
    """Write archives of one array and of two."""
    import numpy as np

    for name, image in images():
        np.savez(folder / f"{name}.npz", image)
        np.savez_compressed(folder / f"{name}-2.npz", a=image, b=image.astype(float))


def mrc_seeds(folder: Path) -> None:
    """Write MRC files of an image and of a volume."""
    import mrcfile
    import numpy as np

    for name, shape in (("image", (5, 6)), ("volume", (4, 5, 6))):
        with mrcfile.new(folder / f"{name}.mrc") as file:
            file.set_data(np.arange(np.prod(shape)).reshape(shape).astype(np.int16))
            file.voxel_size = 25.0


def nifti_seeds(folder: Path) -> None:
    """Write NIfTI files with and without a scale."""
    import nibabel
    import numpy as np

    for name, dtype in (("a", np.uint8), ("b", np.float32)):
        image = nibabel.Nifti1Image(np.arange(120).reshape(4, 5, 6).astype(dtype), np.eye(4))
        image.header.set_xyzt_units("micron")
        nibabel.save(image, folder / f"{name}.nii")


def gatan_seeds(folder: Path) -> None:
    """Write DM3 files, as the tests of their reader do."""
    import numpy as np

    sys.path.insert(0, str(ROOT / "tests/unit/formats"))
    from test_gatan import UINT16, image, write_dm3

    values = np.arange(120, dtype=np.uint16) % 5
    for name, shape in (("image", (10, 12)), ("stack", (4, 5, 6))):
        described = image(values.reshape(shape), "H", UINT16, (2.0,) * len(shape), "nm")
        write_dm3(folder / f"{name}.dm3", described)


def zarr_seeds(folder: Path) -> None:
    """Write the description of an array, whose blocks are not mutated."""
    import numpy as np
    import zarr

    template = folder.parent / "template.zarr"
    zarr.create_array(template, data=np.arange(120).reshape(4, 5, 6))
    (folder / "zarr.json").write_bytes((template / "zarr.json").read_bytes())


def hdf5_seeds(folder: Path) -> None:
    """Write HDF5 files of images."""
    import h5py

    for name, image in images():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file.create_dataset("a", data=image, compression="gzip", chunks=True)
            file["a"].attrs["element_size_um"] = [0.5] * image.ndim


def sample_seeds_of(folder: Path) -> None:
    """Write a file of generated samples."""
    import numpy as np

    from matvir.storage.samples import write_samples

    volume = np.random.default_rng(0).integers(0, 2, (4, 5, 6), dtype=np.uint8)
    write_samples(
        folder / "samples.h5",
        [(0, ((0, 4), (0, 5), (0, 6)), volume)],
        size=(4, 5, 6),
        seeds=[1],
        phases=("a", "b"),
        voxel_size_um=(1.0, 1.0, 2.0),
        provenance={"model": "m"},
    )


def label_image() -> Any:
    """Return a small label image."""
    import numpy as np

    from matvir.storage.images import MaterialImage

    labels = np.random.default_rng(0).integers(0, 2, (24, 20), dtype=np.uint8)
    return MaterialImage(
        voxels=labels, phases=("a", "b"), voxel_size_um=(0.5, 0.5), valid=labels < 3, raw=labels
    )


def label_seeds(folder: Path) -> None:
    """Write label files of one plane and of two."""
    from matvir.storage.images import Specimen, write_image, write_specimen

    write_image(folder / "one.h5", label_image())
    write_specimen(folder / "two.h5", Specimen(planes={0: label_image(), 2: label_image()}))


def training_seeds(folder: Path) -> None:
    """Write a file of one-hot sections."""
    import yaml

    from matvir.micrograph.encoding import encode
    from matvir.settings.build import from_dict, resolve
    from matvir.settings.records import Config
    from matvir.storage.images import Specimen

    values = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    config = from_dict(Config, resolve(values))
    material = next(iter(config.materials.values()))
    encode(Specimen.of(label_image()), material, folder / "training.h5")


def curve_seeds(folder: Path) -> None:
    """Write a file of curves."""
    import numpy as np

    from matvir.measurement.curves import Curve, write_curves

    curve = Curve(lags=np.arange(5.0), values=np.ones((2, 5)), unit="um")
    write_curves(folder / "curves.h5", {"2d": {"s2/a": curve}, "3d": {"s2/a": curve}})


def generator_seeds(folder: Path) -> None:
    """Write a file of a small generator."""
    import yaml

    from matvir.models.slicegan import Generator
    from matvir.settings.build import from_dict, resolve
    from matvir.settings.records import Config
    from matvir.training.checkpoint import TrainedGenerator, save_generator

    values = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    values["models"]["slicegan-small"]["network"]["generator"] = {
        "channels": [2], "kernel_sizes": [4, 4], "strides": [2, 2], "paddings": [2, 3],
    }  # fmt: skip
    values["models"]["slicegan-small"]["network"]["latent_channels"] = 1
    config = from_dict(Config, resolve(values)).models["slicegan-small"].network
    network = Generator(config, 2).eval()
    save_generator(
        folder / "generator.pt",
        TrainedGenerator(
            network=network,
            kind="slicegan",
            config=config,
            phases=("a", "b"),
            voxel_size_um=(1.0, 1.0),
            provenance={},
        ),
    )


def pickle_seeds(folder: Path) -> None:
    """Write what such a file says of its tensors, which mutations leave the checksum right of."""
    generator_seeds(folder)
    with zipfile.ZipFile(folder / "generator.pt") as archive:
        name = next(part for part in archive.namelist() if part.endswith("data.pkl"))
        (folder / "data.pkl").write_bytes(archive.read(name))
    (folder / "keys.pkl").write_bytes(b"\x80\x02}" + b")" + b"\x85" * 9 + b"K\x01s.")
    (folder / "generator.pt").rename(folder.parent / "template.pt")


def config_seeds(folder: Path) -> None:
    """Copy the configurations."""
    for path in (ROOT / "config").glob("*.yaml"):
        if path.name != "default.yaml":
            (folder / path.name).write_bytes(path.read_bytes())
    (folder / "small.yaml").write_text("run: {materials: [a], models: [gan-64], seeds: [0]}\n")


def table_seeds(folder: Path) -> None:
    """Write a table of measurements."""
    from matvir.measurement.tables import COLUMNS

    row = 'm,slicegan,0,volume-0,pore,,volume_fraction,0.5,1,""\n'
    (folder / "metrics.csv").write_text(",".join(COLUMNS) + "\n" + row * 3)


def record_seeds(folder: Path) -> None:
    """Write the record of a run beside its table, and again as ours to compare it with."""
    from matvir.comparison import verification

    ours = folder.parent / "ours"
    ours.mkdir()
    table_seeds(ours)
    settings = {"run": {"seeds": [0]}, "materials": {"m": {"phases": ["a", "b"]}}}
    content = verification.record(settings, {"m": ours / "metrics.csv"}, [ours / "metrics.csv"])
    for where in (ours, folder):
        (where / verification.RECORD).write_text(json.dumps(content))


def read_record(data: bytes, folder: Path) -> None:
    """Compare results with a changed record that someone published."""
    from matvir.comparison.verification import METRICS, RECORD, verify

    ours, published = folder / "ours", folder / "published"
    published.mkdir(exist_ok=True)
    (published / METRICS).write_bytes((ours / METRICS).read_bytes())
    (published / RECORD).write_bytes(data)
    verify(ours, published, 0.01)


def read_image(suffix: str) -> Callable[[bytes, Path], None]:
    """Return what reads bytes as an image file, by turns as each type."""

    def read(data: bytes, folder: Path) -> None:
        from matvir.micrograph.reading import read_micrograph

        path = folder / f"image{suffix}"
        path.write_bytes(data)
        source = f"{path}:/a" if suffix == ".h5" else path
        kind = ("grey", "labels", "rgb")[len(data) % 3]
        read_micrograph(source, type=kind, voxel_size_um=None)

    return read


def read_with(module: str, function: str, name: str) -> Callable[[bytes, Path], None]:
    """Return what writes bytes to a file and reads it with a function of a module."""

    def read(data: bytes, folder: Path) -> None:
        path = folder / name
        path.write_bytes(data)
        getattr(sys.modules[module], function)(path)

    return read


def read_zarr(data: bytes, folder: Path) -> None:
    """Read an array whose description was changed."""
    from matvir.micrograph.reading import read_micrograph

    (folder / "template.zarr/zarr.json").write_bytes(data)
    read_micrograph(folder / "template.zarr", type="grey", voxel_size_um=None)


def read_pickle(data: bytes, folder: Path) -> None:
    """Read a generator whose description was changed and whose checksums are right."""
    from matvir.training.checkpoint import load_generator

    path = folder / "generator.pt"
    with (
        zipfile.ZipFile(folder / "template.pt") as source,
        zipfile.ZipFile(path, "w") as archive,
    ):
        for part in source.namelist():
            archive.writestr(part, data if part.endswith("data.pkl") else source.read(part))
    load_generator(path)


def read_config(data: bytes, folder: Path) -> None:
    """Check a configuration as Snakemake hands it over; what is no YAML is not for us to refuse."""
    import yaml

    from matvir.errors import ConfigError
    from matvir.micrograph.planes import voxel_size_of
    from matvir.settings.build import resolve
    from matvir.settings.check import check
    from matvir.settings.sizes import require_sizes

    try:
        values = yaml.safe_load(data.decode("utf-8", errors="replace"))
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError("no YAML") from error
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError("no mapping")
    from snakemake.utils import update_config

    global _DEFAULTS  # noqa: PLW0603
    if _DEFAULTS is None:
        _DEFAULTS = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    config = json.loads(json.dumps(_DEFAULTS))
    update_config(config, values)
    require_sizes(check(resolve(config)), voxel_size_of)


_DEFAULTS: Any = None
SEEDS: dict[str, Callable[[Path], None]] = {
    "tiff": tiff_seeds,
    "png": picture_seeds(".png"),
    "jpeg": picture_seeds(".jpg"),
    "npy": npy_seeds,
    "hdf5": hdf5_seeds,
    "bmp": picture_seeds(".bmp"),
    "gif": picture_seeds(".gif"),
    "npz": npz_seeds,
    "nrrd": volume_seeds("nrrd"),
    "metaimage": volume_seeds("mha"),
    "vti": volume_seeds("vti"),
    "mrc": mrc_seeds,
    "nifti": nifti_seeds,
    "gatan": gatan_seeds,
    "zarr": zarr_seeds,
    "labels": label_seeds,
    "training": training_seeds,
    "samples": sample_seeds_of,
    "curves": curve_seeds,
    "table": table_seeds,
    "record": record_seeds,
    "generator": generator_seeds,
    "description": pickle_seeds,
    "config": config_seeds,
}
READERS: dict[str, Callable[[bytes, Path], None]] = {
    "tiff": read_image(".tif"),
    "png": read_image(".png"),
    "jpeg": read_image(".jpg"),
    "npy": read_image(".npy"),
    "hdf5": read_image(".h5"),
    "bmp": read_image(".bmp"),
    "gif": read_image(".gif"),
    "npz": read_image(".npz"),
    "nrrd": read_image(".nrrd"),
    "metaimage": read_image(".mha"),
    "vti": read_image(".vti"),
    "mrc": read_image(".mrc"),
    "nifti": read_image(".nii"),
    "gatan": read_image(".dm3"),
    "zarr": read_zarr,
    "labels": read_with("matvir.storage.images", "read_specimen", "labels.h5"),
    "training": read_with("matvir.micrograph.encoding", "read_training", "training.h5"),
    "samples": read_with("matvir.storage.samples", "read_samples", "samples.h5"),
    "curves": read_with("matvir.measurement.curves", "read_curves", "curves.h5"),
    "table": read_with("matvir.measurement.tables", "read_metrics", "metrics.csv"),
    "record": read_record,
    "generator": read_with("matvir.training.checkpoint", "load_generator", "generator.pt"),
    "description": read_pickle,
    "config": read_config,
}


def fuzz(reader: str, runs: int, folder: Path) -> None:
    """Read mutated files in this process until there were enough or one broke the reader."""
    import logging
    import warnings

    import atheris

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        for name in (*INSTRUMENTED, *ENTRANCES):
            importlib.import_module(name)
    from matvir.errors import MatvirError

    (folder / "corpus").mkdir()
    seed_files(reader, folder / "corpus")
    counts = {"read": 0, "refused": 0}

    def one(data: bytes) -> None:
        try:
            READERS[reader](data, folder)
        except MatvirError:
            counts["refused"] += 1
        else:
            counts["read"] += 1
        # Libfuzzer ends the process itself, so there is no later.
        if sum(counts.values()) % COUNTS_EVERY == 0:
            (folder / "counts.json").write_text(json.dumps(counts))

    options = {
        "runs": runs,
        "timeout": TIMEOUT_S,
        "rss_limit_mb": MEMORY_MB,
        "max_len": LONGEST,
        "seed": 1,
        "report_slow_units": TIMEOUT_S,
        "artifact_prefix": f"{ROOT}/fuzz-{reader}-",
        "print_final_stats": 1,
    }
    atheris.Setup(
        [sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), f"{folder}/corpus"],
        one,
    )
    atheris.Fuzz()


def campaign(reader: str, runs: int) -> dict[str, Any]:
    """Fuzz one reader in a process of its own and return a line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--child", folder, "--readers", reader]
        done = subprocess.run(
            [*command, "--runs", str(runs // FEWER.get(reader, 1))],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
        )
        path = Path(folder) / "counts.json"
        counts = json.loads(path.read_text()) if path.exists() else {"read": 0, "refused": 0}
    said = done.stderr

    def last(pattern: str) -> str:
        found = re.findall(pattern, said)
        return found[-1] if found else ""

    row = {
        "reader": reader,
        "files": last(r"stat::number_of_executed_units:\s*(\d+)"),
        **counts,
        "broken": 0 if done.returncode == 0 else 1,
        "slowest s": last(r"stat::slowest_unit_time_sec:\s*(\d+)"),
        "peak MB": last(r"stat::peak_rss_mb:\s*(\d+)"),
        "branches": last(r"cov: (\d+)"),
    }
    print(json.dumps(row), flush=True)
    if done.returncode:
        print(said[-3000:], flush=True)
    return row


def main() -> None:
    """Fuzz all readers, or one of them as a child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--readers", nargs="+", default=list(READERS), choices=list(READERS))
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        raise SystemExit("skipped: atheris is not installed (pip install atheris)")
    if options.child is not None:
        fuzz(options.readers[0], options.runs, options.child)
        return
    import pandas as pd
    from table import write_table

    rows = [campaign(reader, options.runs) for reader in options.readers]
    note = (
        f"Mutated files, {options.runs} for each reader (a twentieth for 'vti', which VTK reads "
        "in a process of its own), seed 1. Refused: by an error of MatVir that names the file and "
        "what to do. Broken: any other error, a crash, more than "
        f"{TIMEOUT_S} s for one file or more than {MEMORY_MB} MB, which ends the campaign of a "
        "reader. 'description' is what a generator's file says of its tensors, with right "
        "checksums. Branches: of the Python code, reached."
    )
    if options.readers == list(READERS):
        write_table("fuzz", pd.DataFrame(rows), note, libraries=LIBRARIES)


if __name__ == "__main__":
    main()
