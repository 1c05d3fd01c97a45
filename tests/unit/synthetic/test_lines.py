import numpy as np
import pytest
from scipy import ndimage

from matvir.errors import ConfigError
from matvir.synthetic.lines import draw_lines


def parts(image):
    labels, n = ndimage.label(image, np.ones((3, 3)))
    return [np.argwhere(labels == part) for part in range(1, n + 1)]


def test_images_show_as_many_lines_as_they_say_and_none_touch():
    made = draw_lines(60, 64, np.random.default_rng(0), n_directions=4)
    assert made.images.shape == (60, 64, 64)
    assert [len(parts(image)) for image in made.images] == made.counts.tolist()
    assert set(made.counts) == {1, 2, 3}
    assert set(made.directions) == {0, 45, 90, 135}


def test_lines_are_as_long_and_thick_as_in_the_source():
    made = draw_lines(60, 224, np.random.default_rng(0))
    assert set(made.directions) == {0, 90}
    lengths, thicknesses = [], []
    for image, direction in zip(made.images, made.directions, strict=True):
        for part in parts(image):
            height, width = np.ptp(part, axis=0) + 1
            assert len(part) == height * width  # a rectangle
            length, thickness = (width, height) if direction == 0 else (height, width)
            lengths.append(length)
            thicknesses.append(thickness)
    assert 111 <= min(lengths) < 125
    assert 210 < max(lengths) <= 224
    assert (min(thicknesses), max(thicknesses)) == (5, 10)


@pytest.mark.parametrize("direction", [45.0, 135.0])
def test_oblique_lines_run_at_45_degrees(direction):
    made = draw_lines(80, 96, np.random.default_rng(3), n_directions=4)
    for image in made.images[made.directions == direction]:
        for part in parts(image):
            slope = np.polyfit(part[:, 1], part[:, 0], 1)[0]
            assert np.sign(slope) == (1 if direction == 45 else -1)  # rows count downwards
            assert np.ptp(part[:, 0]) == pytest.approx(np.ptp(part[:, 1]), abs=6)
            assert len(part) > 0.4 * 96 * 2


def test_the_same_numbers_give_the_same_images():
    first, second, other = (draw_lines(5, 40, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.images, second.images)
    assert not np.array_equal(first.images, other.images)


@pytest.mark.parametrize(("size", "n_directions"), [(31, 2), (64, 3)])
def test_what_cannot_be_drawn_is_refused(size, n_directions):
    with pytest.raises(ConfigError, match=rf"32 pixels and 2 or 4 directions, got {size} and"):
        draw_lines(1, size, np.random.default_rng(0), n_directions=n_directions)
