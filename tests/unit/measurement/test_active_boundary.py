"""The part of the triple-phase boundary that is connected to the faces of the sample."""

import numpy as np
import pytest

from matvir.measurement.sample_metrics import Measured, Sample, measure_active_boundary

PHASES = ("gas", "metal", "oxide")


def measured(labels, *, phases=PHASES, voxel_size_um=None, connected_to=()):
    sample = Sample(
        labels=labels,
        phases=phases,
        voxel_size_um=voxel_size_um,
        periodic=False,
        connected_to=dict(connected_to),
    )
    found = Measured()
    measure_active_boundary(sample, found)
    return {(row.metric, row.axis): row for row in found.rows}


@pytest.fixture
def line():
    """Three phases that meet in a straight line along axis 0; gas has the low rows."""
    labels = np.zeros((9, 12, 16), dtype=np.uint8)
    labels[:, 6:] = 1
    labels[:, 6:, 8:] = 2
    return labels


@pytest.fixture
def line_and_lump(line):
    """An isolated cube of metal on one of oxide in the gas too, which meet in a square of 4 x 3."""
    line[3:6, 1:4, 2:5] = 1
    line[3:6, 1:4, 5:8] = 2
    return line


def test_straight_line_is_active_along_itself(line):
    rows = measured(line, voxel_size_um=(0.5, 2, 3))
    assert rows["active_tpb_density", "0"].value == pytest.approx(1 / (12 * 2 * 16 * 3))
    assert rows["active_tpb_density", "0"].unit == "1/um^2"
    assert rows["active_tpb_fraction", "0"].value == 1
    # Along axis 1 gas touches the first face only, metal and oxide the last.
    assert rows["active_tpb_density", "1"].value == 0
    assert rows["active_tpb_fraction", "1"].value == 0


def test_the_isolated_part_is_not_active(line_and_lump):
    rows = measured(line_and_lump)
    assert rows["active_tpb_density", "0"].value == pytest.approx(9 / line_and_lump.size)
    assert rows["active_tpb_fraction", "0"].value == pytest.approx(9 / (9 + 4 * 3))
    assert {row.note for row in rows.values()} == {""}


@pytest.mark.parametrize(
    ("connected_to", "share"),
    [
        ({"gas": "first", "metal": "last", "oxide": "last"}, 9 / 21),
        ({"gas": "first", "metal": "first", "oxide": "last"}, 0),
        ({"gas": "first", "metal": "last"}, 0),  # oxide both
        ({"gas": "last", "metal": "last", "oxide": "last"}, 0),
    ],
)
def test_faces_of_each_phase(line_and_lump, connected_to, share):
    rows = measured(line_and_lump, connected_to=connected_to)
    assert rows["active_tpb_fraction", "1"].value == pytest.approx(share)


def test_a_phase_that_is_left_out(line):
    labels = line.copy()
    labels[:, :6, :3] = 3  # its line with gas and metal would be active too
    phases = (*PHASES, "cracks")
    every = measured(labels, phases=phases)
    assert every["active_tpb_density", "0"].value == pytest.approx(2 * 9 / line.size)
    three = measured(labels, phases=phases, connected_to={"cracks": "none"})
    assert three["active_tpb_density", "0"].value == pytest.approx(9 / line.size)
    assert three["active_tpb_fraction", "0"].value == 1


def test_what_cannot_be_computed_is_empty(line):
    flat = measured(line[0])
    assert {row.note for row in flat.values()} == {"needs a 3D sample"}
    two = measured(line, connected_to={"metal": "none"})
    assert {row.note for row in two.values()} == {"needs at least three phases"}
    assert all(np.isnan(row.value) for row in (*flat.values(), *two.values()))
    apart = measured(np.minimum(line, 1))
    assert apart["active_tpb_density", "2"].value == 0
    assert np.isnan(apart["active_tpb_fraction", "2"].value)
    assert apart["active_tpb_fraction", "2"].note == "the phases do not meet"
