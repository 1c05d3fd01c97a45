"""Draw docs/images/information-density.png: admissible layers, and two that break a rule."""

from pathlib import Path

import numpy as np
import yaml
from matplotlib.figure import Figure

from matvir.settings.build import from_dict, resolve
from matvir.settings.information_density import information_density
from matvir.settings.records import Config

ROOT = Path(__file__).resolve().parents[1]
LATENT_SIZE = 4


def main() -> None:
    """Draw the density in a plane of each generator, from none (dark) to the most (bright)."""
    values = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    layers = from_dict(Config, resolve(values)).models["slicegan-paper"].network.generator
    published = tuple(zip(layers.kernel_sizes, layers.strides, layers.paddings, strict=True))
    generators = {
        "kernel 4, stride 2, padding 2\n(slicegan-paper)": published,
        "kernel 4, stride 2, padding 1:\nthe border sees fewer latents": ((4, 2, 1),) * 4,
        "kernel 3, stride 2, padding 1:\na checkerboard": ((3, 2, 1),) * 4,
    }
    figure = Figure(figsize=(10, 3.9), layout="constrained")
    for axes, (title, geometry) in zip(figure.subplots(1, 3), generators.items(), strict=True):
        density = information_density(geometry, LATENT_SIZE)
        shown = axes.imshow(np.outer(density, density), vmin=0, vmax=1, cmap="viridis")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("voxels")
    figure.colorbar(shown, ax=figure.axes, label="latents seen, relative", shrink=0.8)
    figure.savefig(ROOT / "docs/images/information-density.png", dpi=110)


if __name__ == "__main__":
    main()
