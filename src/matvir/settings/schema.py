"""The JSON schema of the configuration, made from the records."""

import types
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from matvir.families import FAMILIES, OBJECTIVES, load
from matvir.settings.models import NetworkConfig
from matvir.settings.objectives import ObjectiveConfig
from matvir.settings.records import Config

SCALARS = {bool: "boolean", int: "integer", float: "number", str: "string"}
# Records that a kind chooses.
CHOSEN: dict[type, Mapping[str, Any]] = {NetworkConfig: FAMILIES, ObjectiveConfig: OBJECTIVES}
# Rules of a list, mapping or text; others are of what is in it.
OF_THE_WHOLE = ("least", "most", "unique")


@cache
def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a completed configuration; not to be changed."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "MatVir configuration",
        "description": "Every key of the configuration; nothing else is allowed.",
        **of_record(Config),
    }


def of_record(record: type) -> dict[str, Any]:
    """Return the schema of a mapping that has exactly the fields of a record."""
    hints = get_type_hints(record)
    properties = {}
    for one in fields(record):
        about = {key: one.metadata[key] for key in ("description", "unit") if one.metadata[key]}
        properties[one.name] = about | _of_type(hints[one.name], one.metadata["rules"])
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def _of_type(hint: Any, rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of values of a type, with the rules of a setting."""
    origin, options = get_origin(hint), get_args(hint)
    if hint in CHOSEN:
        found = _one_of({name: one.settings for name, one in CHOSEN[hint].items()})
    elif is_dataclass(hint):
        found = of_record(hint)  # type: ignore[arg-type]
    elif origin is Literal:
        found = {"const": options[0]} if len(options) == 1 else {"enum": list(options)}
    elif origin is dict:
        found = _of_mapping(options[1], rules)
    elif origin is tuple:
        found = _of_list(options, rules)
    elif origin in (Union, types.UnionType):
        found = _any_of(_of_option(option, rules) for option in options)
    else:
        found = _of_scalar(hint, rules)
    return found


def _one_of(places: Mapping[str, str]) -> dict[str, Any]:
    """Return the schema of records at several places, titled with the kinds that have each."""
    kinds: dict[str, list[str]] = {}
    for kind, place in places.items():
        kinds.setdefault(place, []).append(kind)
    return {
        "anyOf": [{"title": ", ".join(n)} | of_record(load(place)) for place, n in kinds.items()]
    }


def _of_option(hint: Any, rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of one of several types; texts among them limit no other type."""
    if get_origin(hint) is Literal:
        return {"type": "string", "pattern": f"^({'|'.join(get_args(hint))})$"}
    return _of_type(hint, rules)


def _any_of(options: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of values of several JSON types; each keyword limits only its own type."""
    merged: dict[str, Any] = {"type": []}
    for option in options:
        merged["type"].append(option["type"])
        merged |= {key: value for key, value in option.items() if key != "type"}
    return merged


def _of_mapping(hint: Any, rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a mapping from names to values of a type."""
    inner = {key: rule for key, rule in rules.items() if key not in (*OF_THE_WHOLE, "pattern")}
    named = {"propertyNames": {"type": "string", "pattern": rules.get("pattern")}}
    keys = named if "pattern" in rules else {}
    values = {"additionalProperties": _of_type(hint, inner)}
    return {"type": "object", **_limits(rules, "Properties"), **keys, **values}


def _of_list(options: tuple[Any, ...], rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a list; ``options`` are the types of its items, or one and ``...``."""
    inner = {key: rule for key, rule in rules.items() if key not in OF_THE_WHOLE}
    own = rules if options[-1] is ... else {"least": len(options), "most": len(options)}
    differ = {"uniqueItems": True} if "unique" in rules else {}
    items = {"items": _of_type(options[0], inner)}
    return {"type": "array", **_limits(own, "Items"), **differ, **items}


def _of_scalar(hint: type, rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a number, a text, a truth value or null."""
    if hint is type(None):
        return {"type": "null"}
    inner = {key: rule for key, rule in rules.items() if key not in OF_THE_WHOLE}
    if "enum" in inner:
        return inner
    return {"type": SCALARS[hint], **_limits(rules if hint is str else {}, "Length"), **inner}


def _limits(rules: Mapping[str, Any], of: str) -> dict[str, int]:
    names = {"least": f"min{of}", "most": f"max{of}"}
    return {name: rules[key] for key, name in names.items() if key in rules}
