"""Label maps: colours, numbers by name, and maps that are blurred."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from matvir.errors import InputError
from matvir.micrograph.label_values import is_drawn, require_drawn, require_photograph
from matvir.micrograph.planes import read_whole
from matvir.micrograph.segmentation import segment

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)


@pytest.fixture
def labels(rng):
    """Three labels in blobs of several pixels on 60 rows and 80 columns."""
    field = ndimage.gaussian_filter(rng.standard_normal((60, 80)), 3, mode="wrap")
    return np.digitize(field, np.quantile(field, (0.5, 0.8))).astype(np.uint8)


def found_labels(material):
    return segment(read_whole(material.image, material), material).image


def test_phases_are_named_by_their_colours_in_any_order(tmp_path, labels, material_of):
    Image.fromarray(COLOURS[labels]).save(tmp_path / "a.png")
    phases = {"c": "#0000FF", "a": "#ff0000", "b": "#00ff00"}
    found = found_labels(material_of(image=tmp_path / "a.png", type="labels", phases=phases))
    assert found.phases == ("c", "a", "b")
    np.testing.assert_array_equal(found.voxels, np.array([1, 2, 0])[labels])
    assert found.provenance["value_to_phase"] == {"#0000ff": "c", "#00ff00": "b", "#ff0000": "a"}


def test_phases_are_named_by_their_numbers_in_any_order(tmp_path, labels, material_of):
    np.save(tmp_path / "a.npy", labels.astype(np.int16) * 100 - 7)
    phases = {"b": 93, "c": 193, "a": -7}
    found = found_labels(material_of(image=tmp_path / "a.npy", type="labels", phases=phases))
    np.testing.assert_array_equal(found.voxels, np.array([2, 0, 1])[labels])


def test_a_colour_outside_the_crop_needs_no_name(tmp_path, labels, material_of):
    image = COLOURS[labels]
    image[:, :5] = 128  # a legend
    Image.fromarray(image).save(tmp_path / "a.png")
    phases = {"a": "#ff0000", "b": "#00ff00", "c": "#0000ff"}
    settings = {"image": tmp_path / "a.png", "type": "labels", "phases": phases}
    with pytest.raises(InputError, match=r"'phases' names the labels .* got .*#808080 \(6.25%\)"):
        found_labels(material_of(**settings))
    found = found_labels(material_of(**settings, crop=[[0, 60], [5, 80]]))
    np.testing.assert_array_equal(found.voxels, labels[:, 5:])


def test_a_colour_that_does_not_occur_is_named(tmp_path, labels, material_of):
    Image.fromarray(COLOURS[np.minimum(labels, 1)]).save(tmp_path / "a.png")
    phases = {"a": "#ff0000", "b": "#00ff00", "c": "#0000ff"}
    with pytest.raises(InputError, match=r"\['#0000ff'\] do not occur"):
        found_labels(material_of(image=tmp_path / "a.png", type="labels", phases=phases))


def test_a_map_of_colours_is_not_segmented_by_brightness(tmp_path, labels, material_of):
    Image.fromarray(COLOURS[labels]).save(tmp_path / "a.png")
    material = material_of(image=tmp_path / "a.png", type="rgb", phases=["a", "b", "c"])
    with pytest.raises(InputError, match=r"got a map of 3 colours: #ff0000 .*'type: labels'"):
        found_labels(material)


def test_photographs_and_grey_drawings_are_no_maps(rng, labels):
    require_photograph(rng.integers(0, 255, (9, 9, 3)).astype(np.uint8), "a")
    require_photograph(np.dstack([labels] * 3), "a")
    with pytest.raises(InputError, match="a map of 3 colours"):
        require_photograph(np.dstack([labels, labels, 255 - labels]), "a")


@pytest.mark.parametrize("quality", [98, 90])
def test_labels_of_a_jpeg_are_refused_with_a_way_out(tmp_path, labels, material_of, quality):
    mask = (labels > 0).astype(np.uint8)
    Image.fromarray(mask * np.uint8(255)).save(tmp_path / "a.jpg", quality=quality)
    with pytest.raises(InputError, match="JPEG compression") as refused:
        found_labels(material_of(image=tmp_path / "a.jpg", type="labels"))
    assert "set 'type: grey' and name" in str(refused.value)
    found = found_labels(material_of(image=tmp_path / "a.jpg", phases=["a", "b"]))
    assert np.mean(found.voxels == mask) > 0.99


def test_labels_that_were_enlarged_are_refused(labels):
    def enlarged(how):
        picture = Image.fromarray(labels * np.uint8(127))
        return np.asarray(picture.resize((160, 120), how))

    with pytest.raises(InputError, match=r"of which \d+ lie along the boundaries of others alone"):
        require_drawn(enlarged(Image.Resampling.BILINEAR), "a")
    require_drawn(enlarged(Image.Resampling.NEAREST), "a")


def test_a_thin_layer_between_two_labels_is_drawn():
    rows = np.arange(60) // 20
    layered = np.tile((2 * (rows > 0) + 2 * (rows > 1)).astype(np.uint8)[:, None], (1, 40))
    layered[20] = 1
    assert is_drawn(layered)
    require_drawn(layered, "a")
    layered[40] = 3
    assert not is_drawn(layered)
    with pytest.raises(InputError, match="got 5 values, of which 2 lie along the boundaries"):
        require_drawn(layered, "a")
