"""The effective number of independent samples."""

import math

from matvir.measurement.representativity import effective_sample_size


def test_many_crops_of_a_coarse_image_count_as_its_grains():
    assert effective_sample_size(50, {"2d": 12.5, "3d": 400.0}, "2d") == 12.5


def test_crops_larger_thaobservations_count_as_crops():
    assert effective_sample_size(50, {"2d": 12.5, "3d": 400.0}, "3d") == 50


def test_without_an_image_every_crop_counts():
    assert effective_sample_size(7, {}, "2d") == 7


def test_an_image_too_small_to_tell_stays_unknown():
    assert math.isnan(effective_sample_size(7, {"2d": math.nan}, "2d"))
