"""Pictures of the real and the generated volumes in three dimensions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matvir.report.cube import cut_corner, render_phases, render_surface
from matvir.report.embed import image_uri
from matvir.report.palette import phase_rgb
from matvir.report.results import Material
from matvir.report.slices import part_of_image

Labels = NDArray[np.uint8]

CUBE_WIDTH = 440
SURFACE_WIDTH = 260
TIMES = " \N{MULTIPLICATION SIGN} "


@dataclass(frozen=True, kw_only=True)
class VolumeView:
    """A volume with a corner cut out, and the surface of each phase that occurs in it."""

    name: str
    size: str
    cube: str
    surfaces: list[tuple[str, str]]


def volume_views(material: Material) -> list[VolumeView]:
    """Return the view of the real volume, if there is one, and of every run's first volume."""
    views = []
    if material.reference is not None and material.runs:
        part = part_of_image(material.reference, material.runs[0].volume.shape)
        name = "truth" if material.synthetic else "real volume"
        views.append(_view(name, part, material))
    return views + [_view(run.name, run.volume, material) for run in material.runs]


def _view(name: str, labels: Labels, material: Material) -> VolumeView:
    rgb = phase_rgb(len(material.phases))
    cube = render_phases(labels, rgb, solid=cut_corner(labels.shape), width=CUBE_WIDTH)
    surfaces = [
        (phase, image_uri(render_surface(labels == index, rgb[index], width=SURFACE_WIDTH)))
        for index, phase in enumerate(material.phases)
        if (labels == index).any()
    ]
    return VolumeView(
        name=name, size=_size(labels, material), cube=image_uri(cube), surfaces=surfaces
    )


def _size(labels: Labels, material: Material) -> str:
    text = TIMES.join(map(str, labels.shape)) + " voxels"
    edges = material.specimen.voxel_size_um
    if edges is None:
        return text
    lengths = [f"{n * edge:.4g}" for n, edge in zip(labels.shape, edges, strict=True)]
    return f"{text}, {TIMES.join(lengths)} µm"
