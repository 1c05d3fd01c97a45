"""The search for copied training crops."""

import numpy as np
import pandas as pd
import pytest

from matvir.comparison.memorisation import (
    MEMORISATION_COLUMNS,
    OUTSIDE,
    _symmetries,
    memorisation_verdict,
    nearest_crops,
    section_labels,
)
from matvir.errors import InputError

SIZE = 8
SETTINGS = {"size": SIZE, "n_crops": 12, "mirror": True, "quarter_turns": True}


def image(rng, shape=(30, 41), phases=3):
    return rng.integers(phases, size=shape).astype(np.uint8)


def test_the_distance_equals_a_search_by_hand(rng):
    training = [image(rng, (13, 17)), image(rng, (11, 11))]
    generated = [image(rng, (SIZE, SIZE))]
    settings = {**SETTINGS, "n_crops": 1, "mirror": False, "quarter_turns": False}
    found = nearest_crops(generated, training, [], rng=rng, **settings).iloc[0]
    by_hand = {
        (i, r, c): np.mean(t[r : r + SIZE, c : c + SIZE] != generated[0])
        for i, t in enumerate(training)
        for r in range(t.shape[0] - SIZE + 1)
        for c in range(t.shape[1] - SIZE + 1)
    }
    assert found["distance"] == pytest.approx(min(by_hand.values()), abs=1e-12)
    where = found["training_image"], found["row"], found["column"]
    assert by_hand[where] == pytest.approx(found["distance"], abs=1e-12)


@pytest.mark.parametrize("turn", range(8))
def test_a_planted_copy_is_found_in_every_symmetry(rng, turn):
    training = [image(rng), image(rng, (25, 20))]
    crop = training[1][5 : 5 + SIZE, 12 : 12 + SIZE]
    copy = np.rot90(crop if turn < 4 else np.fliplr(crop), turn % 4)
    table = nearest_crops([copy], training, [image(rng)], rng=rng, **SETTINGS)
    assert tuple(table.columns) == MEMORISATION_COLUMNS
    generated = table[table["kind"] == "generated"]
    assert (generated["distance"] == 0).all()
    found = set(generated[["training_image", "row", "column"]].itertuples(index=False, name=None))
    assert found == {(1, 5, 12)}
    sentence, copied = memorisation_verdict(table)
    assert copied is True
    assert sentence.endswith("copying is suspected.")


def test_independent_images_show_no_copying(rng):
    table = nearest_crops([image(rng)], [image(rng)], [image(rng)], rng=rng, **SETTINGS)
    assert table["distance"].min() > 0.2
    sentence, copied = memorisation_verdict(table)
    assert copied is False
    assert sentence.endswith("no sign of copying.")


def test_the_symmetries_are_the_allowed_ones_each_once(rng):
    crop = image(rng, (SIZE, SIZE))
    for mirror, turns, expected in [(0, 0, 1), (1, 0, 4), (0, 1, 4), (1, 1, 8)]:
        found = {variant.tobytes() for variant in _symmetries(crop, bool(mirror), bool(turns))}
        assert len(found) == expected


def test_without_held_out_images_nothing_is_judged(rng):
    table = nearest_crops([image(rng)], [image(rng)], [image(rng, (4, 90))], rng=rng, **SETTINGS)
    last = table.iloc[-1]
    assert last["note"] == "no held-out crop of 8 x 8 pixels with more than one phase"
    assert np.isnan(last["distance"])
    sentence, copied = memorisation_verdict(table)
    assert copied is None
    assert "no held-out crops" in sentence


def test_crops_of_one_phase_are_not_compared(rng):
    generated = np.zeros((30, 30), dtype=np.uint8)
    generated[10:20, 10:20] = 1
    settings = {**SETTINGS, "n_crops": 40, "mirror": False, "quarter_turns": False}
    table = nearest_crops([generated], [generated], [], rng=rng, **settings)
    found = table[table["kind"] == "generated"]
    for row, column in found[["row", "column"]].astype(int).itertuples(index=False):
        share = generated[row : row + SIZE, column : column + SIZE].mean()
        assert 0.05 <= share <= 0.95


def test_a_collapsed_generator_is_not_judged(rng):
    blank = np.zeros((30, 30), dtype=np.uint8)
    table = nearest_crops([blank], [image(rng)], [image(rng)], rng=rng, **SETTINGS)
    assert table.iloc[0]["note"] == "no generated crop of 8 x 8 pixels with more than one phase"
    assert memorisation_verdict(table)[1] is None


def test_coarser_structures_alone_are_no_copies():
    # Nearer on the whole, but none is a copy.
    kinds = ["generated"] * 3 + ["held-out"] * 3
    table = pd.DataFrame({"kind": kinds, "distance": [0.2, 0.21, 0.22, 0.3, 0.31, 0.32]})
    assert memorisation_verdict(table)[1] is False


def test_a_table_without_generated_crops_is_not_judged(rng):
    table = nearest_crops([image(rng)], [image(rng)], [image(rng)], rng=rng, **SETTINGS)
    sentence, copied = memorisation_verdict(table[table["kind"] == "held-out"])
    assert copied is None
    assert sentence == "No generated crop was compared with the training data."


def test_training_images_smaller_than_a_crop_are_rejected(rng):
    with pytest.raises(InputError, match=r"training images of at least 8 x 8 .* \[\(7, 40\)\]"):
        nearest_crops([image(rng)], [image(rng, (7, 40))], [], rng=rng, **SETTINGS)


def test_pixels_outside_the_material_are_in_no_crop_and_agree_with_nothing(rng):
    training, held_out = image(rng), image(rng)
    training[:, 20:] = OUTSIDE
    held_out[:, :15] = OUTSIDE
    masked = np.full((SIZE, SIZE), OUTSIDE, dtype=np.uint8)
    masked[:] = training[3 : 3 + SIZE, 4 : 4 + SIZE]
    table = nearest_crops([masked], [training], [held_out], rng=rng, **SETTINGS)
    assert (table.loc[table["kind"] == "generated", "distance"] == 0).all()
    held = table[table["kind"] == "held-out"]
    assert held["distance"].between(0.2, 0.8).all()


def test_labels_of_encoded_sections_come_back():
    labels = np.array([[0, 2, 1], [OUTSIDE, 1, 0]], dtype=np.uint8)
    one_hot = (labels == np.arange(3)[:, None, None]).astype(np.uint8)
    section = section_labels(one_hot)
    np.testing.assert_array_equal(section, labels)
