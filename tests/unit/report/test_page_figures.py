"""What the figures and pictures show."""

import base64
import io
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from matvir.report.boxes import _per_sample
from matvir.report.embed import csv_uri, figure_uri, grey_image, image_uri
from matvir.report.inputs import _bin_edges, histogram_figure, show_inputs
from matvir.report.memorisation import distances_chart
from matvir.report.palette import phase_colours, phase_rgb, run_colour
from matvir.report.results import read_material
from matvir.report.slices import diagonal_plane, parts_of_image, scale_bar, slice_rows
from matvir.report.training import (
    densities,
    fractions,
    losses,
    show_trainings,
    training_charts,
    validations,
)
from matvir.report.volumes import TIMES, volume_views
from matvir.storage.images import MaterialImage, Specimen


def decode(uri):
    return base64.b64decode(uri.partition("base64,")[2])


@pytest.fixture(scope="module")
def materials(results):
    runs, files = results
    return [read_material(f, [run for run in runs if run.material == f.name]) for f in files]


def test_equal_figures_give_equal_bytes():
    def draw():
        figure = Figure()
        figure.subplots().fill_between([0, 1], [0, 0], [1, 2])
        return figure_uri(figure)

    assert draw() == draw()
    assert decode(draw()).startswith(b"<?xml")


def test_an_image_survives_embedding(rng):
    image = rng.integers(256, size=(5, 7, 3)).astype(np.uint8)
    np.testing.assert_array_equal(iio.imread(io.BytesIO(decode(image_uri(image)))), image)


def test_a_table_survives_embedding():
    assert decode(csv_uri("phase,µm\n")).decode() == "phase,µm\n"


def test_grey_values_are_stretched_between_their_quantiles():
    grey = grey_image(np.linspace(-3.0, 7.0, 1001).reshape(7, 143))
    assert (grey.min(), grey.max()) == (0, 255)
    assert grey.ravel()[500] == pytest.approx(127.5, abs=1)
    assert grey_image(np.full((3, 4), 9)).max() == 0


@pytest.mark.parametrize("n_phases", [2, 6, 9])
def test_phases_have_distinct_colours(n_phases):
    assert len(set(phase_colours(n_phases))) == n_phases
    assert phase_rgb(n_phases).shape == (n_phases, 3)


def test_run_colours_repeat_after_the_last():
    assert run_colour(0) == run_colour(6) != run_colour(1)


def test_a_scale_bar_is_round_and_in_micrometres_where_they_are_known():
    bar = scale_bar(64, 0.4)
    assert (bar.text, bar.share) == ("10 µm", pytest.approx(10 / 25.6))
    assert scale_bar(64, None).text == "20 voxels"


def test_a_plane_at_45_degrees_has_the_nearest_voxels():
    volume = np.arange(2 * 5 * 7).reshape(2, 5, 7)
    shown = diagonal_plane(volume)
    # Seven steps of 1 / sqrt(2) voxels along both axes.
    steps = [0, 1, 1, 2, 3, 4, 4]
    np.testing.assert_array_equal(shown[1], [volume[1, k, k] for k in steps])


def test_slices_of_a_volume_are_its_middle_planes(materials):
    real, first, second = slice_rows(materials[0])
    assert [row.name for row in (real, first, second)] == [
        "real volume",
        "swd, seed 0",
        "swd, seed 9",
    ]
    volume = materials[0].runs[0].volume
    shown = iio.imread(io.BytesIO(decode(first.pictures[1].uri)))
    np.testing.assert_array_equal(shown, phase_rgb(3)[volume[:, 6, :]])
    shapes = [iio.imread(io.BytesIO(decode(p.uri))).shape[:2] for p in real.pictures]
    assert shapes == [(12, 14), (10, 14), (10, 12), (10, 17)]


def test_models_of_images_show_some_of_them_and_no_volume(materials):
    material = materials[1]
    images = np.arange(3 * 12 * 12, dtype=np.uint8).reshape(3, 12, 12) % 2
    flat = replace(material.runs[0], volumes=None, images=images, certainty=0.9)
    real, row = slice_rows(replace(material, runs=[flat]))
    assert [p and p.caption for p in row.pictures] == ["image 1", "image 2", "image 3", None]
    assert iio.imread(io.BytesIO(decode(real.pictures[0].uri))).shape[:2] == (12, 12)
    shown = iio.imread(io.BytesIO(decode(row.pictures[1].uri)))
    np.testing.assert_array_equal(shown, phase_rgb(2)[images[1]])
    assert volume_views(replace(material, runs=[flat])) == []


def test_an_image_shows_parts_of_itself(materials):
    real, _ = slice_rows(materials[1])
    assert real.name == "real image"
    *parts, nothing = real.pictures
    assert [p.caption for p in parts] == [f"part {i} of the image" for i in (1, 2, 3)]
    assert nothing is None


def test_parts_lie_inside_the_material():
    valid = np.zeros((30, 40), bool)
    valid[10:, 20:] = True
    image = MaterialImage(voxels=valid.astype(np.uint8), phases=("a", "b"), valid=valid)
    for part in parts_of_image(image, 10):
        assert (part == 1).all()


def test_a_material_smaller_than_a_part_is_shown_with_its_border():
    valid = np.zeros((30, 40), bool)
    valid[12:18, 12:18] = True
    image = MaterialImage(voxels=valid.astype(np.uint8), phases=("a", "b"), valid=valid)
    assert parts_of_image(image, 10)[0].shape == (10, 10)


def test_volumes_stand_beside_the_truth_with_each_phase(materials):
    views = volume_views(materials[0])
    assert [view.name for view in views] == ["truth", "swd, seed 0", "swd, seed 9"]
    assert views[1].size == f"{TIMES.join(('10', '12', '14'))} voxels, {TIMES.join('567')} µm"
    assert [phase for phase, _ in views[1].surfaces] == list(materials[0].phases)
    assert [view.name for view in volume_views(materials[1])] == [f"{materials[1].name}, seed 1"]
    assert volume_views(materials[1])[0].size == f"{TIMES.join(('10', '12', '14'))} voxels"


def test_inputs_show_what_there_is(materials):
    grown, flat = (show_inputs(material).images[0] for material in materials)
    assert grown.raw is not None
    assert grown.histogram is not None
    assert grown.voxel_size == "0.500 µm"
    assert flat.raw is None
    assert flat.histogram is None
    assert flat.voxel_size == "not known: lengths are in voxels"


def test_planes_are_shown_each_and_a_shared_one_once(materials):
    flat = materials[1]
    plane = flat.specimen.images[0]
    other = MaterialImage(voxels=plane.voxels[:30, :20], phases=plane.phases)
    changed = type(flat)(
        **{**vars(flat), "specimen": Specimen(planes={0: plane, 1: other, 2: other})}
    )
    assert [one.title for one in show_inputs(changed).images] == [
        "Perpendicular to axis 0",
        "Perpendicular to axis 1 and 2",
    ]
    real = slice_rows(changed)[0]
    assert real.name == "real images"
    captions = [picture and picture.caption for picture in real.pictures]
    assert captions == [*(f"plane perpendicular to axis {axis}" for axis in range(3)), None]
    shapes = [iio.imread(io.BytesIO(decode(p.uri))).shape[:2] for p in real.pictures[:3]]
    assert shapes == [(12, 14), (10, 14), (10, 12)]


def test_voxels_that_are_no_squares_have_no_picture_at_45_degrees(materials):
    flat = materials[1]
    plane = flat.specimen.images[0]
    stretched = MaterialImage(voxels=plane.voxels, phases=plane.phases, voxel_size_um=(1.0, 2.0))
    changed = type(flat)(**{**vars(flat), "specimen": Specimen.of(stretched)})
    assert slice_rows(changed)[1].pictures[3] is None
    assert slice_rows(flat)[1].pictures[3].caption.startswith("plane along axis 0, at 45 degrees")


def test_pixels_outside_the_material_are_white(materials):
    image = materials[0].specimen.images[0]
    valid = np.ones(image.voxels.shape, bool)
    valid[:, :20] = False
    masked = MaterialImage(voxels=image.voxels, phases=image.phases, valid=valid)
    changed = type(materials[0])(**{**vars(materials[0]), "specimen": Specimen.of(masked)})
    shown = iio.imread(io.BytesIO(decode(show_inputs(changed).images[0].labels)))
    assert (shown[:, :20] == 255).all()
    assert not (shown[:, 20:] == 255).all(axis=-1).any()


def test_the_histogram_adds_up_to_one(rng):
    raw = rng.integers(40, 200, size=500).astype(np.uint8)
    figure = histogram_figure(raw, (raw > 100).astype(np.uint8), ("dark", "bright"))
    edges = _bin_edges(raw)
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in figure.axes[0].collections]
    counts = np.histogram(raw, edges)[0]
    assert counts.sum() == 500
    assert max(tops) == pytest.approx(counts.max() / 500)


@pytest.mark.parametrize("low_high", [(0, 65535), (0, 255), (10, 90)])
def test_bins_of_integers_hold_equally_many_values(low_high):
    edges = _bin_edges(np.array(low_high, dtype=np.uint16))
    assert len(set(np.diff(edges))) == 1
    assert edges[1] - edges[0] == np.ceil((low_high[1] - low_high[0] + 1) / 128)
    assert edges[0] < low_high[0] <= low_high[1] < edges[-1]


def drawn(lines):
    """Return steps and values of lines by their names."""
    return {line.name: (line.x.tolist(), line.mean.tolist()) for line in lines}


def charts(history, phases=("a", "b"), real=(0.3, 0.7)):
    return {one.title: one for one in training_charts(history, phases, real, link="t")}


def test_every_loss_is_drawn_and_positive_ones_on_a_logarithmic_axis():
    history = [
        {"step": step, "loss": loss, "loss_level_0": 1.0, "volume_fractions": [0.4, 0.6]}
        for step, loss in ((1, 100.0), (2, 10.0), (3, 1.0))
    ]
    assert list(drawn(losses(history))) == ["loss", "loss level 0"]
    first, second, third = (up for up, _ in charts(history)["Losses"].data["up"])
    assert second - first == pytest.approx(third - second, abs=0.2)
    history[2]["loss"] = -80.0
    first, second, third = (up for up, _ in charts(history)["Losses"].data["up"])
    assert second - first == pytest.approx(third - second, abs=0.2)


def test_a_loss_that_counts_for_a_while_is_drawn_for_that_while():
    history = [{"step": 1, "loss": 2.0, "patch_loss": 1.0}, {"step": 2, "loss": 1.5}]
    assert drawn(losses(history)) == {
        "loss": ([1, 2], [2.0, 1.5]),
        "patch loss": ([1], [1.0]),
    }


def test_fractions_are_drawn_beside_the_real_ones():
    history = [{"step": s, "loss": 1.0, "volume_fractions": [0.4, 0.6]} for s in (1, 2)]
    found = fractions(history, ("a", "b"), (0.3, 0.7))
    assert [(line.name, line.mean.tolist(), line.dashed) for line in found] == [
        ("a", [0.4, 0.4], False),
        ("a, real", [0.3, 0.3], True),
        ("b", [0.6, 0.6], False),
        ("b, real", [0.7, 0.7], True),
    ]
    (_, second) = charts(history)["Volume fractions"].data["texts"]
    assert second == ["0.400", "0.300", "0.600", "0.700"]


def test_validations_are_drawn_in_percent_with_the_one_that_was_kept(materials):
    history = [
        {"step": 1, "loss": 3.0, "volume_fractions": [0.4, 0.6]},
        {"step": 2, "loss": 2.0, "correlation": 0.04, "area": 0.2, "score": 0.1},
        {"step": 3, "loss": 2.5, "correlation": 0.05, "area": 0.3, "score": 0.2},
    ]
    assert [line[1] for line in drawn(validations(history)).values()] == [
        [4, 5],
        [20, 30],
        [10, 20],
    ]
    assert len(losses(history)) == 1  # errors are no losses
    assert validations(history[:1]) == []
    run = replace(materials[0].runs[0], history=history)
    material = replace(materials[0], runs=[run])
    history[0]["volume_fractions"] = [1 / len(material.phases)] * len(material.phases)
    (view,) = show_trainings(material)
    assert view.kept == 2
    assert [one.title for one in view.charts] == ["Losses", "Volume fractions", "Validations"]


def test_density_differences_have_a_chart_of_their_own():
    history = [
        {"step": 1, "loss": 2.0, "density_difference_a": 0.3, "density_difference_b": 0.2},
        {"step": 2, "loss": 1.0, "density_difference_a": 0.1, "density_difference_b": 0.1},
    ]
    assert drawn(densities(history, ("a", "b"))) == {
        "a": ([1, 2], [0.3, 0.1]),
        "b": ([1, 2], [0.2, 0.1]),
    }
    assert len(losses(history)) == 1
    assert densities([{"step": 1, "loss": 2.0}], ("a", "b")) == []


def test_an_empty_history_has_no_chart():
    assert training_charts([], ("a",), (1.0,), link="t") == []


def test_a_sample_counts_once_in_a_box():
    rows = [("slice-0", "0", 1.0), ("slice-0", "1", 3.0), ("slice-1", "0", 5.0)]
    table = pd.DataFrame(rows, columns=["sample", "axis", "value"])
    table = table.assign(metric="mean_chord_length", phase="ore", unit="um")
    assert _per_sample(table)["value"].tolist() == [2.0, 5.0]


def test_distances_of_both_kinds_are_drawn():
    rows = [("generated", 0.2), ("generated", 0.4), ("held-out", 0.5)]
    table = pd.DataFrame(rows, columns=["kind", "distance"])
    chart = distances_chart(table, "swd, seed 0", "#0072b2")
    assert [text for _, text in chart.ticks_across] == ["generated", "held-out (real)"]
    assert chart.data["sides"] == ["real", "swd, seed 0"]
    (nothing, made), (real, other) = chart.data["texts"]
    assert (nothing, other) == ("", "")
    assert made.startswith("median 0.300, mean 0.300")
    assert real.startswith("median 0.500")
    assert distances_chart(table.assign(distance=np.nan), "swd, seed 0", "#0072b2") is None
