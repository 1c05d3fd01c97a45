"""The schema is made of the records and closed."""

from dataclasses import fields, is_dataclass
from typing import get_args, get_type_hints

import jsonschema
import pytest
import yaml

from matvir.families import FAMILIES, OBJECTIVES, load
from matvir.settings.build import resolve
from matvir.settings.check import schema_faults
from matvir.settings.records import Config
from matvir.settings.schema import schema


@pytest.fixture
def default(root):
    return yaml.safe_load((root / "config/default.yaml").read_text())


def objects(node):
    """Return the mappings with keys of their own in a schema, at any depth."""
    if isinstance(node, list):
        return [found for item in node for found in objects(item)]
    if not isinstance(node, dict):
        return []
    own = [node] if "additionalProperties" in node and "required" in node else []
    return own + [found for value in node.values() for found in objects(value)]


def test_it_is_a_closed_schema_that_describes_every_key():
    jsonschema.Draft202012Validator.check_schema(schema())
    found = objects(schema())
    assert len(found) > 30
    for node in found:
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])
        for name, child in node["properties"].items():
            assert child["description"].endswith("."), name


def test_networks_and_objectives_are_those_of_the_families():
    model = schema()["properties"]["models"]["additionalProperties"]["properties"]
    assert model["kind"]["enum"] == list(FAMILIES)
    networks = model["network"]["anyOf"]
    assert ", ".join(one["title"] for one in networks) == ", ".join(FAMILIES)
    for one in networks:
        record = load(FAMILIES[one["title"].split(", ")[0]].settings)
        assert set(one["properties"]) == {field.name for field in fields(record)}
    objectives = model["training"]["properties"]["objective"]["anyOf"]
    assert [one["properties"]["kind"]["const"] for one in objectives] == list(OBJECTIVES)


def assert_keys(record, values, path=""):
    """Check that ``values`` have the keys of a record, and so do mappings in them."""
    hints = get_type_hints(record)
    assert values.keys() == hints.keys(), path
    for name, hint in hints.items():
        inner = next((one for one in (hint, *get_args(hint)) if is_dataclass(one)), None)
        if (
            name not in ("datasets", "materials", "models")
            and inner
            and isinstance(values[name], dict)
        ):
            assert_keys(inner, values[name], f"{path}.{name}")


def test_the_defaults_have_the_keys_of_the_records_and_pass(default):
    assert_keys(Config, default)
    assert schema_faults(resolve(default)) == []


@pytest.mark.parametrize(
    ("place", "value", "accepted"),
    [
        ("voxel_size_um", None, True),
        ("voxel_size_um", 0.5, True),
        ("voxel_size_um", [0.5, 1], True),
        ("voxel_size_um", 0, False),
        ("voxel_size_um", [0.5], False),
        ("voxel_size_um", [0.5, 0], False),
        ("voxel_size_um", "0.5", False),
        ("phases", ["a", "b"], True),
        ("phases", ["a"], False),
        ("phases", ["a", "a"], False),
        ("phases", ["A", "b"], False),
        ("crop", [[0, 5], [1, 9]], True),
        ("crop", [[0, 5], [1]], False),
        ("crop", [[0, 5], [-1, 2]], False),
        ("image", "", False),
        ("circle", {"row": 1, "column": 2, "radius": 0}, False),
        ("circle", {"row": 1, "column": 2, "radius": 1}, True),
        ("planes", [None, {"image": "a", "quarter_turns": 4}], False),
        ("stack", 1, False),
        ("type", "gray", False),
        ("fraction_tolerance", 1.01, False),
    ],
)
def test_limits_of_materials(default, place, value, accepted):
    default["material_defaults"][place] = value
    found = [one for one in schema_faults(default) if one.startswith("material_defaults.")]
    assert (found == []) == accepted
