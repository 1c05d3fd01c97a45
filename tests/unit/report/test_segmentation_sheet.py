"""The segmentation sheet: a picture of every kind of segmentation."""

import imageio.v3 as iio
import numpy as np
import pytest

from matvir.micrograph.segmentation import Segmentation
from matvir.report.palette import phase_rgb
from matvir.report.segmentation_sheet import draw_sheet
from matvir.storage.images import MaterialImage


def segmentation(rng, shape, *, n_phases=3, raw=True, valid=None):
    labels = (np.arange(np.prod(shape)).reshape(shape) // 7 % n_phases).astype(np.uint8)
    grey = (40 + 60 * labels + rng.normal(0, 5, shape)).astype(np.float32)
    names = tuple(f"p{i}" for i in range(n_phases))
    image = MaterialImage(
        voxels=labels,
        phases=names,
        voxel_size_um=(0.5,) * len(shape),
        valid=valid,
        raw=grey if raw else None,
        provenance={"source": {"path": "folder/a.tif"}},
    )
    shares = dict(zip(names, map(float, image.volume_fractions()), strict=True))
    return Segmentation(
        image=image,
        thresholds=tuple(70.0 + 60 * i for i in range(n_phases - 1)) if raw else None,
        denoised=grey if raw else None,
        fractions=shares,
        sensitivity={n: {"minus": -0.02, "plus": 0.03} for n in names} if raw else None,
        sensitivity_to="thresholds moved",
    )


def colours_in(path):
    picture = iio.imread(path)[..., :3].astype(int)
    codes = np.unique(picture @ np.array([65536, 256, 1]))
    return {(code >> 16, code >> 8 & 255, code & 255) for code in codes.tolist()}


@pytest.mark.parametrize("shape", [(40, 60), (12, 30, 44)])
@pytest.mark.parametrize("raw", [True, False])
def test_every_phase_is_on_the_page_in_its_colour(tmp_path, rng, shape, raw):
    draw_sheet({"": segmentation(rng, shape, raw=raw)}, tmp_path / "sheet.png")
    found = colours_in(tmp_path / "sheet.png")
    assert {tuple(c) for c in phase_rgb(3).tolist()} <= found


def test_volume_has_a_row_for_each_axis(tmp_path, rng):
    draw_sheet({"": segmentation(rng, (40, 40))}, tmp_path / "flat.png")
    draw_sheet({"": segmentation(rng, (40, 40, 40))}, tmp_path / "volume.png")
    flat, volume = (iio.imread(tmp_path / name) for name in ("flat.png", "volume.png"))
    assert volume.shape[1] == flat.shape[1]
    assert volume.shape[0] > 1.7 * flat.shape[0]


def test_outside_of_the_mask_is_grey(tmp_path, rng):
    valid = np.ones((40, 60), bool)
    valid[:, 30:] = False
    draw_sheet({"": segmentation(rng, (40, 60), valid=valid)}, tmp_path / "sheet.png")
    assert (0xD9, 0xD9, 0xD9) in colours_in(tmp_path / "sheet.png")


def test_many_phases(tmp_path, rng):
    draw_sheet({"": segmentation(rng, (40, 60), n_phases=20, raw=False)}, tmp_path / "sheet.png")
    found = colours_in(tmp_path / "sheet.png")
    assert {tuple(c) for c in phase_rgb(20).tolist()} <= found
