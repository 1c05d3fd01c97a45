"""Whether volumes made block by block are the volumes made in one go, and show no seams.

Run it as ``python benchmarks/blocks.py``; the table goes to ``benchmarks/results/``. It needs
torch, numpy, pandas and PyYAML, and uses a GPU if there is one. Weights are drawn, not trained.
"""

import numpy as np
import pandas as pd
from generation import MODELS, N_PHASES, N_THREADS, drawn_network
from numpy.typing import NDArray
from table import write_table

from matvir.device import device_name, pick_device, use_threads
from matvir.generation.blocks import BlockwiseGenerator
from matvir.generation.sampling import sample_labels

SIZE = (192, 160, 224)
BLOCKS = (48, 64, 96)
SEED = 1
# Labels of voxels whose two largest probabilities are closer may differ by rounding.
TIE = 1e-4


def ties(generator: BlockwiseGenerator) -> NDArray[np.bool_]:
    """Return where the two largest probabilities of the volume in one go are nearly equal."""
    window = tuple((0, edge) for edge in SIZE)
    first, second = generator.volume(SEED, SIZE).probabilities(window).topk(2, dim=0).values
    found: NDArray[np.bool_] = (first - second < TIE).cpu().numpy()
    return found


def seam(labels: NDArray[np.uint8], block: int) -> float:
    """Return how unlike voxels on both sides of block faces are, over those of other planes."""
    ratios = []
    for axis, edge in enumerate(labels.shape):
        unlike = np.diff(labels, axis=axis) != 0
        by_plane = unlike.mean(axis=tuple(other for other in range(3) if other != axis))
        faces = np.arange(block, edge, block) - 1
        ratios.append(by_plane[faces].mean() / np.delete(by_plane, faces).mean())
    return float(np.mean(ratios))


def correlation_at(labels: NDArray[np.uint8], lag: int) -> NDArray[np.float64]:
    """Return the two-point correlation of each phase at a lag, averaged over the axes."""
    found = []
    for phase in range(N_PHASES):
        one = labels == phase
        pairs = [
            (one.take(range(lag, edge), axis) & one.take(range(edge - lag), axis)).mean()
            for axis, edge in enumerate(labels.shape)
        ]
        found.append(np.mean(pairs))
    return np.array(found)


def main() -> None:
    """Compare each block size with one go, for every model."""
    use_threads(N_THREADS)
    rows = []
    for name in MODELS:
        generator = BlockwiseGenerator(drawn_network(name), pick_device())
        whole = sample_labels(generator, SIZE, SEED, block=max(SIZE))
        tied = ties(generator)
        for block in BLOCKS:
            labels = sample_labels(generator, SIZE, SEED, block=block)
            unequal = labels != whole
            difference = np.abs(correlation_at(labels, block) - correlation_at(whole, block))
            rows.append(
                {
                    "model": name,
                    "block": block,
                    "unequal voxels": int(unequal.sum()),
                    "of them no ties": int((unequal & ~tied).sum()),
                    "share unequal": f"{unequal.mean():.1e}",
                    "seam": f"{seam(labels, block):.3f}",
                    "seam in one go": f"{seam(whole, block):.3f}",
                    "difference of S2": f"{difference.max():.1e}",
                }
            )
    shape = " x ".join(str(edge) for edge in SIZE)
    write_table(
        "blocks",
        pd.DataFrame(rows),
        f"A volume of {shape} voxels from blocks of three sizes against one block as large as the "
        f"volume, float32, on {device_name(pick_device())}. A tie: the two largest probabilities "
        f"are within {TIE:g}. Seam: share of unlike neighbours across faces of blocks over that "
        "across all other planes. Difference of S2: at a lag of one block, largest of all phases.",
        libraries=("numpy", "torch"),
    )


if __name__ == "__main__":
    main()
