import copy
import pickle

import numpy as np
import pytest
import torch

from matvir.storage.image_types import COLOUR, GREY, PHASES, image_type

EVERY = (PHASES, GREY, COLOUR)
CHANNELS = {PHASES: 4, GREY: 1, COLOUR: 3}


def voxels_of(kind, shape):
    highest = CHANNELS[kind] if kind.labelled else 256
    drawn = np.random.default_rng(0).integers(0, highest, (*shape, *kind.colour_shape))
    return drawn.astype(np.uint8)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("shape", [(5, 8), (4, 5, 7)])
def test_channels_become_the_voxels_again_that_were_encoded(kind, shape):
    voxels = voxels_of(kind, shape)
    encoded = kind.encode(voxels, CHANNELS[kind], np.ones(shape, dtype=bool))
    assert encoded.shape == (CHANNELS[kind], *shape)
    assert encoded.dtype == np.uint8
    outputs = torch.from_numpy(np.ascontiguousarray(encoded))[None].float() / kind.full
    again = kind.voxels(outputs)
    assert again.dtype == np.uint8
    np.testing.assert_array_equal(again[0], voxels)
    assert kind.spatial_shape(voxels) == shape


@pytest.mark.parametrize("kind", EVERY)
def test_an_output_of_the_logits_of_means_is_these_means(kind):
    means = torch.tensor([0.1, 0.2, 0.3, 0.4])[: CHANNELS[kind]]
    found = kind.decode(kind.logits(means).view(1, -1, 1, 1)).flatten()
    assert found.tolist() == pytest.approx(means.tolist(), abs=1e-6)


@pytest.mark.parametrize("kind", EVERY)
def test_means_of_voxels_are_those_of_their_channels(kind):
    voxels = voxels_of(kind, (5, 8))
    encoded = kind.encode(voxels, CHANNELS[kind], np.ones((5, 8), dtype=bool))
    expected = encoded.mean(axis=(1, 2)) / kind.full
    assert kind.means(voxels, CHANNELS[kind], None) == pytest.approx(expected)


def test_outside_the_material_no_phase_counts():
    labels = np.array([[0, 1, 1], [1, 2, 2]], np.uint8)
    inside = np.array([[True, True, False], [False, True, True]])
    encoded = PHASES.encode(labels, 3, inside)
    np.testing.assert_array_equal(encoded.sum(axis=0), inside)
    assert PHASES.means(labels, 3, inside).tolist() == [0.25, 0.25, 0.5]


@pytest.mark.parametrize("kind", [GREY, COLOUR])
@pytest.mark.parametrize("axis", [0, 1])
def test_values_may_have_their_channels_first_last_or_joined(kind, axis):
    voxels = voxels_of(kind, (5, 8))
    assert kind.channels_first(voxels).shape == (CHANNELS[kind], 5, 8)
    assert kind.channels_last(voxels).shape == (5, 8, CHANNELS[kind])
    channels = np.moveaxis(kind.channels_last(voxels), -1, axis)
    np.testing.assert_array_equal(kind.joined(channels, axis), voxels)


@pytest.mark.parametrize(("kind", "text"), [(PHASES, "phases"), (GREY, "grey"), (COLOUR, "rgb")])
def test_each_type_has_one_object_and_one_text(kind, text):
    assert str(kind) == f"{kind}" == kind.text == text
    assert image_type(text) is kind
    assert copy.deepcopy(kind) is copy.copy(kind) is pickle.loads(pickle.dumps(kind)) is kind
    assert len(kind.channels) == (0 if kind.labelled else CHANNELS[kind])


@pytest.mark.parametrize("text", ["gray", "", None, 3, ["grey"]])
def test_an_unknown_text_is_refused(text):
    with pytest.raises(ValueError, match=r"the kind .* in place of one of .*'grey', 'rgb'"):
        image_type(text)
