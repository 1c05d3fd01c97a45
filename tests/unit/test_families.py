from dataclasses import is_dataclass

import pytest

from matvir.families import FAMILIES, OBJECTIVES, load
from matvir.settings.models import NetworkConfig
from matvir.settings.objectives import ObjectiveConfig


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_what_a_row_names_is_there(family):
    record = load(family.settings)
    assert is_dataclass(record)
    assert issubclass(record, NetworkConfig)
    assert isinstance(load(family.network), type)
    assert callable(load(family.rules))
    assert callable(load(family.sizes))
    assert family.objectives


@pytest.mark.parametrize("kind", OBJECTIVES.values(), ids=list(OBJECTIVES))
def test_what_an_objective_names_is_there(kind):
    record = load(kind.settings)
    assert issubclass(record, ObjectiveConfig)
    assert isinstance(load(kind.trains), type)
    assert kind.revision > 0
    assert all(key in record.__dataclass_fields__ for key in kind.shared)


def test_every_objective_is_of_one_family():
    assert len(OBJECTIVES) == sum(len(family.objectives) for family in FAMILIES.values())
