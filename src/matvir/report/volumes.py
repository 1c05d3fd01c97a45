"""Pictures of the real and the generated volumes in three dimensions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matvir.report.cube import cut_corner, render_cube, render_surface
from matvir.report.embed import image_uri
from matvir.report.palette import as_rgb, phase_rgb
from matvir.report.results import Material
from matvir.report.slices import part_of_image, shape_of_samples

Labels = NDArray[np.uint8]

CUBE_WIDTH = 440
SURFACE_WIDTH = 260
TIMES = " \N{MULTIPLICATION SIGN} "


@dataclass(frozen=True, kw_only=True)
class VolumeView:
    """A volume with a corner cut out, and the surface of each phase that occurs in it, if any."""

    name: str
    size: str
    cube: str
    surfaces: list[tuple[str, str]]


def volume_views(material: Material) -> list[VolumeView]:
    """Return the view of the real volume, if there is one, and of every run's first volume."""
    made = [(run.name, run.volume) for run in material.runs if run.volume is not None]
    real = real_volume(material)
    if made and real is not None:
        made.insert(0, real)
    return [_view(name, volume, material) for name, volume in made]


def real_volume(material: Material) -> tuple[str, Labels] | None:
    """Return name and voxels of the part of the real volume that is as large as generated ones."""
    if material.reference is None:
        return None
    part = part_of_image(material.reference, shape_of_samples(material))
    return "truth" if material.synthetic else "real volume", part


def _view(name: str, labels: Labels, material: Material) -> VolumeView:
    n_phases = len(material.phases)
    shape = labels.shape[:3]
    rgb = as_rgb(labels, material.kind, n_phases)
    cube = render_cube(rgb, solid=cut_corner(shape), width=CUBE_WIDTH)
    colours = phase_rgb(n_phases) if material.kind.labelled else ()
    surfaces = [
        (phase, image_uri(render_surface(labels == index, colour, width=SURFACE_WIDTH)))
        for index, (phase, colour) in enumerate(zip(material.phases, colours, strict=False))
        if (labels == index).any()
    ]
    return VolumeView(
        name=name, size=size_text(shape, material), cube=image_uri(cube), surfaces=surfaces
    )


def size_text(shape: tuple[int, ...], material: Material) -> str:
    """Return the size of a volume of a material in voxels and, if known, in micrometres."""
    text = TIMES.join(map(str, shape)) + " voxels"
    edges = material.specimen.voxel_size_um
    if edges is None:
        return text
    lengths = [f"{n * edge:.4g}" for n, edge in zip(shape, edges, strict=True)]
    return f"{text}, {TIMES.join(lengths)} µm"
