"""Segmentation: known phases are found again, and what cannot be segmented says why."""

import json

import imageio.v3 as iio
import numpy as np
import pytest
import yaml
from scipy import ndimage

from matvir.errors import ConfigError, InputError
from matvir.micrograph.blur import explain_blurred
from matvir.micrograph.reading import Micrograph, read_micrograph
from matvir.micrograph.segmentation import segment, to_json
from matvir.settings.build import from_dict, merge
from matvir.settings.records import MaterialConfig


@pytest.fixture
def configure(root):
    """Build the configuration of a material from the defaults and a test's own settings."""
    defaults = yaml.safe_load((root / "config/default.yaml").read_text())["material_defaults"]

    def build(**settings):
        return from_dict(MaterialConfig, merge(defaults, {"image": "a.tif", **settings}))

    return build


def micrograph(image, kind="grey"):
    shape = list(image.shape)
    source = {"path": "a.tif", "sha256": "", "dtype": str(image.dtype), "shape": shape}
    n_axes = image.ndim - (kind == "rgb")
    return Micrograph(image=image, type=kind, voxel_size_um=(0.5,) * n_axes, source=source)


def regions(rng, shape, n_phases, scale):
    """Labels of smooth random regions of equal size."""
    field = ndimage.gaussian_filter(rng.normal(size=shape), scale, mode="wrap")
    quantiles = np.quantile(field, np.linspace(0, 1, n_phases + 1)[1:-1])
    return np.digitize(field, quantiles).astype(np.uint8)


def render(rng, labels, noise=10.0):
    levels = np.linspace(60, 190, int(labels.max()) + 1)
    grey = ndimage.gaussian_filter(levels[labels], 0.7) + rng.normal(0, noise, labels.shape)
    return np.clip(np.round(grey), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("shape", "n_phases", "scale"), [((96, 128), 2, 5), ((96, 128), 3, 9), ((16, 24, 32), 2, 3)]
)
def test_defaults_find_known_phases(rng, configure, shape, n_phases, scale):
    truth = regions(rng, shape, n_phases, scale)
    names = tuple(f"p{i}" for i in range(n_phases))
    found = segment(micrograph(render(rng, truth)), configure(phases=names))
    assert np.mean(found.image.voxels == truth) > 0.95
    assert len(found.thresholds) == n_phases - 1
    expected = dict(zip(names, np.bincount(truth.ravel()) / truth.size, strict=True))
    assert found.fractions == pytest.approx(expected, abs=0.02)
    assert found.image.voxel_size_um == (0.5,) * len(shape)


def test_edge_correction_and_median_beat_thresholds_alone(rng, configure):
    truth = regions(rng, (128, 160), 3, 7)
    truth = np.where(truth == 1, 0, truth)  # dark and bright meet, blur puts a rim between
    truth[40:80, 40:90] = 1
    image = micrograph(render(rng, truth, noise=4.0))
    settings = {"phases": ["pore", "binder", "grain"]}
    corrected = segment(image, configure(**settings)).image.voxels
    plain = segment(
        image, configure(**settings, segmentation={"edge_correction": False, "min_speck": 0})
    ).image.voxels
    assert np.mean(corrected != truth) < 0.5 * np.mean(plain != truth)


def test_given_thresholds_divide_the_raw_values(rng, configure):
    image = rng.integers(0, 256, (40, 60)).astype(np.uint8)
    config = configure(
        phases=["a", "b", "c"],
        denoise={"method": "none"},
        segmentation={
            "method": "thresholds",
            "thresholds": [80.5, 160.5],
            "edge_correction": False,
            "min_speck": 0,
        },
    )
    found = segment(micrograph(image), config)
    np.testing.assert_array_equal(found.image.voxels, (image > 80.5) * 1 + (image > 160.5))
    assert found.thresholds == (80.5, 160.5)


def test_sensitivity_is_the_share_between_the_moved_thresholds(rng, configure):
    image = rng.permutation(np.arange(1000.0)).reshape(25, 40)
    config = configure(
        phases=["a", "b"],
        denoise={"method": "none"},
        segmentation={"method": "thresholds", "thresholds": [399.5], "min_speck": 0},
    )
    found = segment(micrograph(image), config)
    assert found.fractions == {"a": 0.4, "b": 0.6}
    # 2 % of the grey range 999 are 19.98 values.
    assert found.sensitivity["a"] == pytest.approx({"minus": -0.02, "plus": 0.02})
    assert found.sensitivity["b"] == pytest.approx({"minus": 0.02, "plus": -0.02})
    assert "2 % of the grey range" in found.sensitivity_to


def test_crop_keeps_that_part(rng, configure):
    truth = regions(rng, (60, 90), 2, 5)
    image = render(rng, truth)
    image[50:] = 0  # banner of the instrument
    found = segment(micrograph(image), configure(phases=["a", "b"], crop=[[0, 50], [10, 90]]))
    assert found.image.voxels.shape == (50, 80)
    assert np.mean(found.image.voxels == truth[:50, 10:]) > 0.95
    np.testing.assert_array_equal(found.image.raw, image[:50, 10:])


def test_outside_of_the_circle_never_counts(rng, configure):
    truth = regions(rng, (5, 64, 80), 2, 4)
    rows, columns = np.indices((64, 80))
    inside = (rows - 30) ** 2 + (columns - 40) ** 2 <= 25**2
    image = np.where(inside, render(rng, truth), 255).astype(np.uint8)
    config = configure(phases=["a", "b"], circle={"row": 30, "column": 40, "radius": 25})
    found = segment(micrograph(image), config)
    np.testing.assert_array_equal(found.image.valid, np.broadcast_to(inside, image.shape))
    assert np.mean(found.image.voxels[:, inside] == truth[:, inside]) > 0.95
    assert np.all(found.image.voxels[:, ~inside] == 0)
    assert found.fractions["b"] == pytest.approx(np.mean(truth[:, inside]), abs=0.02)


def test_rgb_is_segmented_by_its_luminance(rng, configure):
    truth = regions(rng, (60, 80), 2, 5)
    grey = render(rng, truth)
    colours = np.dstack([grey] * 3)
    by_colour = segment(micrograph(colours, "rgb"), configure(type="rgb", phases=["a", "b"]))
    by_grey = segment(micrograph(grey), configure(phases=["a", "b"]))
    np.testing.assert_allclose(by_colour.image.raw, grey, rtol=1e-6)
    assert np.mean(by_colour.image.voxels != by_grey.image.voxels) < 0.001


@pytest.mark.parametrize(
    ("phases", "names"),
    [(None, ("phase-0", "phase-1", "phase-2")), (["x", "y", "z"], ("x", "y", "z"))],
)
def test_labels_pass_through_renumbered(rng, configure, phases, names):
    truth = rng.integers(0, 3, (6, 10, 14)).astype(np.uint8)
    values = np.array([85, 170, 255], np.uint8)
    found = segment(micrograph(values[truth], "labels"), configure(type="labels", phases=phases))
    np.testing.assert_array_equal(found.image.voxels, truth)
    assert found.image.phases == names
    mapping = dict(zip(("85", "170", "255"), names, strict=True))
    assert found.image.provenance["value_to_phase"] == mapping
    assert found.sensitivity is None
    assert found.thresholds is None


def test_a_stack_is_segmented_pixel_by_pixel(rng, configure):
    values = rng.integers(0, 2, (5, 20, 24)).astype(np.uint8) * 255
    config = configure(
        stack=True,
        phases=["a", "b"],
        denoise={"method": "none", "strength": 1.0},
        segmentation={
            "method": "thresholds",
            "thresholds": [128],
            "edge_correction": False,
            "min_speck": 0,
        },
    )
    found = segment(micrograph(values), config)
    assert found.image.stack
    np.testing.assert_array_equal(found.image.voxels, values // 255)
    with pytest.raises(InputError, match=r"expected a stack .* got the shape \(20, 24\)"):
        segment(micrograph(values[0]), config)


def test_labels_outside_the_circle_are_no_phase(rng, configure):
    rows, columns = np.indices((30, 40))
    inside = (rows - 15) ** 2 + (columns - 20) ** 2 <= 100
    truth = rng.integers(0, 2, (30, 40))
    config = configure(
        type="labels", phases=["a", "b"], circle={"row": 15, "column": 20, "radius": 10}
    )
    found = segment(micrograph(np.where(inside, truth, 9), "labels"), config)
    np.testing.assert_array_equal(found.image.voxels, np.where(inside, truth, 0))


@pytest.fixture
def scribbled(rng, tmp_path):
    """Raw image, its phases, and a file of scribbles whose order is bright, dark."""
    truth = regions(rng, (80, 100), 2, 7)
    core = ndimage.minimum_filter(truth, 9) + (1 - ndimage.maximum_filter(truth, 9)) * 2
    scribbles = np.where(core == 1, 40, np.where(core == 2, 90, 0)).astype(np.uint8)
    scribbles[rng.random(truth.shape) > 0.3] = 0
    np.save(tmp_path / "scribbles.npy", scribbles)
    return render(rng, truth), truth, str(tmp_path / "scribbles.npy")


def test_scribbles_name_the_phases_in_their_order(configure, scribbled):
    image, truth, path = scribbled
    config = configure(
        phases=["bright", "dark"], segmentation={"method": "scribbles", "scribbles": path}
    )
    found = segment(micrograph(image), config)
    assert np.mean(found.image.voxels == 1 - truth) > 0.97
    assert found.thresholds is None
    assert set(found.sensitivity["dark"]) == {"first_half", "second_half"}
    assert max(abs(v) for v in found.sensitivity["dark"].values()) < 0.05


def test_scribbles_are_cropped_with_the_image(configure, scribbled):
    image, truth, path = scribbled
    config = configure(
        phases=["bright", "dark"],
        crop=[[10, 80], [0, 90]],
        segmentation={"method": "scribbles", "scribbles": path, "edge_correction": False},
    )
    found = segment(micrograph(image), config)
    assert np.mean(found.image.voxels == 1 - truth[10:, :90]) > 0.9


def test_scribbles_of_another_shape(configure, scribbled):
    image, _, path = scribbled
    config = configure(
        phases=["bright", "dark"], segmentation={"method": "scribbles", "scribbles": path}
    )
    with pytest.raises(InputError, match=r"shape of the image \(70, 100\), got \(80, 100\)"):
        segment(micrograph(image[10:]), config)


def test_scribbles_in_colours_are_refused_with_what_to_draw(configure, scribbled, tmp_path):
    image, _, path = scribbled
    drawn = np.load(path)
    colours = np.stack([drawn, np.zeros_like(drawn), drawn // 2], axis=-1)
    iio.imwrite(tmp_path / "colours.png", colours.astype(np.uint8))
    config = configure(
        phases=["bright", "dark"],
        segmentation={"method": "scribbles", "scribbles": str(tmp_path / "colours.png")},
    )
    expected = r"colours\.png, 0 where nothing .* got colours .*grey values on a black"
    with pytest.raises(InputError, match=expected):
        segment(micrograph(image), config)


def test_scribbles_not_given(rng, configure):
    config = configure(phases=["a", "b"], segmentation={"method": "scribbles"})
    with pytest.raises(ConfigError, match="expected the path of the scribble image"):
        segment(micrograph(rng.random((20, 30))), config)


def test_json_holds_the_result(rng, configure):
    truth = regions(rng, (60, 80), 2, 5)
    found = segment(micrograph(render(rng, truth)), configure(phases=["a", "b"]))
    record = json.loads(json.dumps(to_json(found)))
    assert record["fractions"] == found.fractions
    assert record["sensitivity"] == found.sensitivity
    assert record["thresholds"] == list(found.thresholds)
    assert record["voxel_size_um"] == [0.5, 0.5]
    assert record["shape"] == [60, 80]
    assert record["provenance"]["denoise"]["method"] == "nonlocal-means"
    assert record["provenance"]["source"]["path"] == "a.tif"


def test_same_input_gives_the_same_labels(rng, configure):
    image = micrograph(render(rng, regions(rng, (60, 80), 3, 6)))
    config = configure(phases=["a", "b", "c"])
    first, second = segment(image, config), segment(image, config)
    np.testing.assert_array_equal(first.image.voxels, second.image.voxels)


def test_missing_phase_is_named(rng, configure):
    image = micrograph(render(rng, regions(rng, (60, 80), 2, 5), noise=1.0))
    config = configure(
        phases=["pore", "binder", "grain"],
        segmentation={"method": "thresholds", "thresholds": [125.0, 125.0001]},
    )
    with pytest.raises(InputError, match=r"'binder' occupies 0\.0.*fewer 'phases'.*scribbles"):
        segment(image, config)


def test_a_rare_label_is_kept_and_named(configure, caplog):
    labels = np.zeros((50, 60), np.uint8)
    labels[:, 30:] = 1
    labels[0, :2] = 2  # 2 of 3000 pixels
    found = segment(micrograph(labels, "labels"), configure(type="labels", phases=["a", "b", "c"]))
    assert found.fractions["c"] == pytest.approx(2 / 3000)
    assert "phase 'c' is rare, 0.0667 %" in caplog.text


def test_wrong_number_of_labels(rng, configure):
    labels = rng.integers(0, 3, (20, 30))
    with pytest.raises(InputError, match=r"expected 2 labels .* got 3: 2 \(37"):
        segment(micrograph(labels, "labels"), configure(type="labels", phases=["a", "b"]))


def test_grey_without_phases(rng, configure):
    with pytest.raises(ConfigError, match="phases: expected the names of the phases"):
        segment(micrograph(rng.random((20, 30))), configure())


@pytest.mark.parametrize(
    "crop", [[[0, 20]], [[0, 21], [0, 30]], [[5, 5], [0, 30]], [[-1, 20], [0, 30]]]
)
def test_crop_outside_the_image(rng, configure, crop):
    with pytest.raises(
        ConfigError, match=r"crop: expected 2 ranges .* inside the shape \(20, 30\)"
    ):
        segment(micrograph(rng.random((20, 30))), configure(phases=["a", "b"], crop=crop))


@pytest.mark.parametrize(
    "circle",
    [
        {"row": 25, "column": 10, "radius": 5},
        {"row": 5, "column": -1, "radius": 5},
        {"row": 5, "column": 5, "radius": 0},
    ],
)
def test_circle_outside_the_image(rng, configure, circle):
    with pytest.raises(ConfigError, match="circle: expected a centre inside"):
        segment(micrograph(rng.random((20, 30))), configure(phases=["a", "b"], circle=circle))


def test_constant_part(rng, configure):
    image = rng.random((20, 30))
    image[:10] = 0.5
    config = configure(phases=["a", "b"], crop=[[0, 10], [0, 30]])
    with pytest.raises(InputError, match=r"inside 'crop' and 'circle' is constant \(0.5\)"):
        segment(micrograph(image), config)


def threshold_config(configure, thresholds):
    return configure(
        phases=["a", "b", "c"],
        segmentation={"method": "thresholds", "thresholds": thresholds},
    )


@pytest.mark.parametrize("thresholds", [[-1.0, 0.5], [0.5, 100.0]])
def test_thresholds_outside_the_grey_range(rng, configure, thresholds):
    with pytest.raises(ConfigError, match=r"expected grey values between .* units of the file"):
        segment(micrograph(rng.random((20, 30))), threshold_config(configure, thresholds))


@pytest.mark.parametrize("thresholds", [[0.5], [0.6, 0.5], [0.5, 0.5]])
def test_thresholds_that_do_not_fit_the_phases(rng, configure, thresholds):
    with pytest.raises(ConfigError, match="expected 2 ascending grey values for 3 phases"):
        segment(micrograph(rng.random((20, 30))), threshold_config(configure, thresholds))


def test_fewer_grey_values_than_phases(configure):
    image = np.zeros((20, 30), np.uint8)
    image[:, 15:] = 200
    config = configure(phases=["a", "b", "c"], denoise={"method": "none"})
    with pytest.raises(InputError, match="at least 3 distinct grey values"):
        segment(micrograph(image), config)


def scores(found, truth, values):
    return [
        np.sum((found == phase) & (truth == value)) / np.sum((found == phase) | (truth == value))
        for phase, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("name", "values", "least"),
    [
        ("noisy_spots_2d_518", (127, 254), 0.90),
        ("superalloy_2d_512", (170, 85), 0.87),
        ("nasa_super_spot3_2d_512", (1, 0), 0.80),
    ],
)
def test_real_micrographs_with_the_defaults(shared_data, configure, name, values, least):
    raw = read_micrograph(shared_data / f"raw_{name}.tif", type="grey", voxel_size_um=None)
    truth = read_micrograph(shared_data / f"seg_{name}.tif", type="labels", voxel_size_um=None)
    found = segment(raw, configure(phases=["dark", "bright"]))
    assert np.mean(scores(found.image.voxels, truth.image, values)) >= least


def test_real_scribbles(shared_data, configure):
    name = "superalloy_2d_512.tif"
    raw = read_micrograph(shared_data / f"raw_{name}", type="grey", voxel_size_um=None)
    truth = read_micrograph(shared_data / f"seg_{name}", type="labels", voxel_size_um=None)
    config = configure(
        phases=["matrix", "precipitate", "speck"],
        segmentation={
            "method": "scribbles",
            "scribbles": str(shared_data / f"scribble_{name}"),
            "min_speck": 0,
        },
    )
    found = segment(raw, config).image.voxels
    assert np.mean(scores(found, truth.image, (85, 170))) >= 0.85


def test_labels_through_the_blur_do_not_depend_on_the_variants(rng, configure):
    """What is fitted to a blurred image is fitted to itself, not to one with moved thresholds."""
    labels = regions(rng, (80, 96), 3, 3)
    image = ndimage.gaussian_filter(render(rng, labels, noise=6.0).astype(float), 0.7)
    config = configure(
        phases=["a", "b", "c"],
        segmentation={"blur": 0.7, "edge_correction": False, "min_speck": 0, "shading_degree": 0},
        denoise={"method": "none"},
    )
    found = segment(micrograph(image.astype(np.float32)), config)
    begin = np.digitize(found.denoised, found.thresholds).astype(np.uint8)
    expected, _ = explain_blurred(found.image.raw, begin, 0.7, n_phases=3, levels=None)
    np.testing.assert_array_equal(found.image.voxels, expected)
    assert set(found.sensitivity["a"]) == {"minus", "plus"}
