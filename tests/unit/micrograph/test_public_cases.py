"""Small files with properties of public bug reports, where the folder of cases is there."""

import importlib.util

import numpy as np
import pytest

from matvir.errors import MatvirError
from matvir.micrograph.planes import read_whole
from matvir.micrograph.segmentation import segment

THREE = {"phases": ["a", "b", "c"]}
LABELS = {"type": "labels"}
AS_GREY = (0.5123, 0.2769, 0.2108)
AS_LABELS = (0.5, 0.3, 0.2)
MASK = (0.7, 0.3)
# A file, settings, and the fractions, the voxel size or a word of the message.
READ = [
    ("c00-control/grey.png", THREE, AS_GREY, None),
    ("c01-miniswhite-grey/a.tif", THREE, AS_GREY, None),
    ("c02-onebit/black.tif", LABELS, MASK, None),
    ("c02-onebit/white.tif", LABELS, MASK, None),
    ("c02-onebit/g4.tif", LABELS, MASK, None),
    ("c02-onebit/mask.png", LABELS, MASK, None),
    ("c03-ij-spacing-one/a.tif", LABELS, AS_LABELS, (1, 1, 1)),
    ("c04-ij-zunit/a.tif", LABELS, AS_LABELS, (0.02, 0.02, 0.02)),
    ("c05-res-ten-per-cm/vips.tif", THREE, AS_GREY, None),
    ("c06-ome-set/part0.ome.tif", LABELS, AS_LABELS, (0.02, 0.02, 0.02)),
    ("c06-ome-set/turn1.ome.tif", LABELS, AS_LABELS, (0.02, 0.02, 0.02)),
    ("c07-append/a.tif", LABELS, AS_LABELS, None),
    ("c08-palette/index.tif", THREE, (0.5, 0.196, 0.304), None),
    ("c08-palette/index.tif", LABELS, AS_LABELS, None),
    ("c08-palette/voc.png", LABELS, AS_LABELS, None),
    ("c08-palette/grey-lut.png", THREE, AS_GREY, None),
    (
        "c09-colour-labels/rgb.png",
        {"type": "labels", "phases": {"b": "#0000ff", "r": "#ff0000", "g": "#00ff00"}},
        (0.2, 0.5, 0.3),
        None,
    ),
    ("c10-axis-of-one/a.h5:/hw1", LABELS, AS_LABELS, None),
    ("c10-axis-of-one/1hw.npy", LABELS, AS_LABELS, None),
    ("c11-channels/se-bse.ome.tif", {"channel": 0, **THREE}, AS_GREY, (0.02, 0.02)),
    ("c11-channels/z-as-c.tif", {"channel": "planes", **LABELS}, AS_LABELS, None),
    ("c11-channels/z-as-t.tif", LABELS, AS_LABELS, None),
    ("c12-rare-label/a.png", LABELS, (0.6, 0.3992, 0.0008), None),
    ("c13-blurred-labels/mask98.jpg", {"phases": ["a", "b"]}, MASK, None),
    ("c14-npy/big.npy", LABELS, AS_LABELS, None),
    ("c14-npy/a.npz", LABELS, AS_LABELS, None),
    ("c15-sem-tags/fei.tif", THREE, AS_GREY, (0.0248, 0.0248)),
    ("c15-sem-tags/fei-bar.tif", THREE, AS_GREY, (0.0248, 0.0248)),
    ("c15-sem-tags/zeiss.tif", THREE, AS_GREY, (0.0248, 0.0248)),
    ("c16-ij-signed/a.tif", THREE, AS_GREY, (0.05, 0.05)),
    ("c17-formats/planar.tif", {"type": "rgb", **THREE}, AS_GREY, None),
    ("c17-formats/big.tif", THREE, (0.5196, 0.2662, 0.2142), None),
    ("c18-suffix/grey.bmp", THREE, AS_GREY, None),
    ("c18-suffix/grey.gif", THREE, AS_GREY, None),
    (
        "c18-suffix/b.dream3d:/DataContainers/SyntheticVolume/CellData/Phases",
        LABELS,
        AS_LABELS,
        None,
    ),
    ("c21-ome-planes/z07.ome.tif", LABELS, AS_LABELS, (0.02, 0.02, 0.02)),
    ("c22-h5-size-2d/a.h5:/plane", LABELS, AS_LABELS, (0.05, 0.05)),
    ("c25-white-border/border.png", {"phases": ["a", "b"], "crop": "auto"}, (0.7016, 0.2984), None),
    ("c34-one-ifd/a.tif", LABELS, AS_LABELS, (0.05, 0.05, 0.05)),
]
REFUSED = [
    ("c09-colour-labels/rgb.png", LABELS, r"#ff0000 \(50.00%\), #00ff00 \(30.00%\)"),
    ("c09-colour-labels/rgb.png", {"type": "rgb", **THREE}, "a map of 3 colours"),
    ("c11-channels/se-bse.ome.tif", THREE, "got 2 channels"),
    ("c11-channels/z-as-c.tif", THREE, "got 40 channels"),
    ("c13-blurred-labels/mask98.jpg", LABELS, "JPEG compression"),
    ("c13-blurred-labels/resized2.png", LABELS, "Interpolation or JPEG"),
    ("c13-blurred-labels/resized3.png", LABELS, "Interpolation or JPEG"),
    ("c17-formats/nan.tif", THREE, "512 of 12288 values are NaN"),
    ("c17-formats/sizes.tif", THREE, "got 2 images"),
    ("c20-cut/ij-30.tif", THREE, "40 planes, got 12"),
    ("c20-cut/pil-50.tif", THREE, "truncated"),
    ("c20-cut/pil-95.tif", THREE, "truncated"),
    ("c20-cut/pages-50.tif", THREE, "truncated"),
    ("c20-cut/stack-60.tif", THREE, "truncated"),
    ("c20-cut/zip-60.ome.tif", THREE, "truncated"),
    ("c29-many-labels/a.npy", LABELS, "got 300"),
]


@pytest.fixture(scope="module")
def cases(shared_data, tmp_path_factory):
    """The folder that the cases are written to."""
    script = shared_data.parent / "cases/build.py"
    if not script.is_file():
        pytest.skip(f"no cases at {script}")
    spec = importlib.util.spec_from_file_location("cases", script)
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    folder = tmp_path_factory.mktemp("cases")
    for name, write in build.CASES.items():
        (folder / name).mkdir()
        write(folder / name)
    return folder


@pytest.mark.parametrize(("name", "settings", "fractions", "size"), READ)
def test_what_is_right_is_read(cases, material_of, name, settings, fractions, size):
    material = material_of(image=cases / name, **settings)
    image = segment(read_whole(material.image, material), material).image
    np.testing.assert_allclose(image.volume_fractions(), fractions, atol=2e-4)
    assert image.voxel_size_um == (None if size is None else pytest.approx(size))


@pytest.mark.parametrize(("name", "settings", "expected"), REFUSED)
def test_what_cannot_be_right_is_refused(cases, material_of, name, settings, expected):
    material = material_of(image=cases / name, **settings)
    with pytest.raises(MatvirError, match=expected):
        segment(read_whole(material.image, material), material)


@pytest.mark.parametrize(
    ("um", "names"),
    [
        (0.5, "um micron microns micrometer micrometers micro-sign"),
        (0.0005, "nm nanometers"),
        (500, "mm"),
        (5000, "cm"),
        (0.00005, "A Angstroms angstrom-sign"),
    ],
)
def test_units_of_fiji_in_every_spelling(cases, material_of, um, names):
    for name in names.split():
        material = material_of(image=cases / f"c23-units/{name}.tif", type="labels")
        assert read_whole(material.image, material).voxel_size_um == pytest.approx((um, um))


def test_a_white_border_leaves_no_certainty(cases, material_of, caplog):
    material = material_of(image=cases / "c25-white-border/border.png", phases=["a", "b"])
    found = segment(read_whole(material.image, material), material)
    assert found.sensitivity is None
    assert "border or data bar" in caplog.text
