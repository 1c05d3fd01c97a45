from matvir.training.history import best_row, exhausted


def rows(*scores):
    """Return a history with a validation at every second step."""
    return [
        row
        for index, score in enumerate(scores)
        for row in ({"step": 2 * index + 1}, {"step": 2 * index + 2, "score": score})
    ]


def test_the_best_of_equal_validations_is_the_first():
    assert best_row(rows(0.3, 0.1, 0.2, 0.1)) == {"step": 4, "score": 0.1}
    assert best_row([{"step": 1}]) is None


def test_patience_ends_with_as_many_validations_without_a_better_one():
    assert not exhausted(rows(0.3, 0.1, 0.2), 2)
    assert exhausted(rows(0.3, 0.1, 0.2, 0.1), 2)
    assert not exhausted(rows(0.3, 0.1, 0.2, 0.09), 2)
    assert not exhausted([{"step": 1}], 1)


def test_an_error_that_is_not_a_number_is_never_the_best():
    assert best_row(rows(float("nan"), 0.2)) == {"step": 4, "score": 0.2}
