"""Draw docs/images/demo.png from the results of ``make demo``."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from matvir.report.cube import cut_corner, render_cube
from matvir.report.palette import phase_rgb
from matvir.storage.images import read_image
from matvir.storage.samples import read_samples

ROOT = Path(__file__).resolve().parents[1]
MATERIAL = ROOT / "results/nmc-synthetic"


def main() -> None:
    """Draw raw micrograph, labels, generated and real volume side by side."""
    image = read_image(MATERIAL / "segmented/labels.h5")
    truth = read_image(MATERIAL / "raw/truth.h5").voxels
    generated = read_samples(MATERIAL / "diffusion-demo/seed-0/generate/samples.h5").labels[0]
    edge = generated.shape[0]
    colours = phase_rgb(image.n_phases)
    shown = (slice(0, 3 * edge), slice(0, 3 * edge))
    pictures = {
        "raw micrograph": image.raw[shown],
        "segmented": colours[image.voxels[shown]],
        "generated volume": cube(generated, colours),
        "real volume": cube(np.ascontiguousarray(truth[:edge, :edge, :edge]), colours),
    }
    figure = Figure(figsize=(12, 3.4), layout="constrained")
    for axes, (title, picture) in zip(figure.subplots(1, 4), pictures.items(), strict=True):
        axes.imshow(picture, cmap="gray")
        axes.set_title(title)
        axes.set_axis_off()
    path = ROOT / "docs/images/demo.png"
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)


def cube(labels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Return the picture of a volume with a corner cut out."""
    return render_cube(colours[labels], solid=cut_corner(labels.shape), width=480)


if __name__ == "__main__":
    main()
