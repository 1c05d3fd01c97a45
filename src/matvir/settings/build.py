"""From YAML to records: merging, completing, building and taking apart configurations."""

import difflib
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from matvir.errors import ConfigError
from matvir.families import FAMILIES, OBJECTIVES, load
from matvir.settings.fields import FILE_NAME
from matvir.settings.models import NetworkConfig
from matvir.settings.objectives import ObjectiveConfig

T = TypeVar("T")
# Settings of a material that a dataset may state.
OF_DATASETS = ("type", "phases", "voxel_size_um")


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``overlay`` on top: mappings merge, everything else is replaced."""
    merged = deepcopy(dict(base))
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = deepcopy(value)
    return merged


def resolve(config: Mapping[str, Any]) -> dict[str, Any]:
    """Complete materials from their datasets and ``material_defaults``, models from ``based_on``.

    Raises
    ------
    ConfigError
        If ``based_on`` names a model that does not exist or is its own ancestor, or ``dataset`` a
        dataset that does not exist or is not the only image of its material.
    """
    for section in ("datasets", "materials", "material_defaults", "models"):
        if not isinstance(config.get(section), Mapping):
            raise ConfigError(
                f"{section}: expected a mapping of names or keys, got {config.get(section)!r}."
            )
    resolved = deepcopy(dict(config))
    defaults, datasets = resolved["material_defaults"], resolved["datasets"]
    for name, entry in datasets.items():
        datasets[name] = _complete_dataset(name, entry)
    for name, material in resolved["materials"].items():
        if not isinstance(material, Mapping):
            raise ConfigError(
                f"materials.{name}: expected a mapping with 'image', 'dataset', 'planes' or "
                f"'synthetic', got {material!r}."
            )
        resolved["materials"][name] = _complete_material(name, material, defaults, datasets)
        _complete_planes(resolved["materials"][name])
        _complete_phases(resolved["materials"][name])
        _complete_raw(resolved["materials"][name])
    models = config["models"]
    resolved["models"] = {name: _resolve_model(name, models, ()) for name in models}
    return resolved


def _complete_dataset(name: str, entry: Any) -> dict[str, Any]:
    """Write what an entry of ``datasets`` need not state."""
    if not isinstance(entry, Mapping):
        raise ConfigError(
            f"datasets.{name}: expected a mapping with 'url', 'sha256', 'licence' and 'citation', "
            f"got {entry!r}."
        )
    file = urlsplit(str(entry.get("url"))).path.rpartition("/")[2]
    if isinstance(entry.get("url"), str) and "file" not in entry and not re.match(FILE_NAME, file):
        raise ConfigError(
            f"datasets.{name}.url: expected an address that ends in the name of a file with the "
            f"suffix of its format, got {file!r} at the end. Name the file: 'file: {name}.tif', or "
            "whatever format it is."
        )
    unstated = dict.fromkeys(("description", *OF_DATASETS))
    return {"file": file, **unstated, **entry}


def _complete_material(
    name: str, own: Mapping[str, Any], defaults: Mapping[str, Any], datasets: Mapping[str, Any]
) -> dict[str, Any]:
    """Complete a material from the defaults, and from its dataset, whose file is its image."""
    merged = merge(defaults, own)
    wanted = merged.get("dataset")
    if not isinstance(wanted, str):
        return merged
    if wanted not in datasets:
        raise ConfigError(
            f"materials.{name}.dataset: {wanted!r} is not among the datasets "
            f"{sorted(datasets)}{did_you_mean(wanted, datasets)}; define it under 'datasets'."
        )
    entry = datasets[wanted]
    # With the hash, so that what is made of another file is made anew.
    image = f"results/{name}/raw/{str(entry.get('sha256'))[:8]}-{entry.get('file')}"
    sources = ("image", "planes", "synthetic")
    others = [key for key in sources if merged.get(key) not in (None, image)]
    if others:
        raise ConfigError(
            f"materials.{name}.dataset: the dataset is the image of the material, got "
            f"{' and '.join(others)} as well; leave one of them out."
        )
    stated = {key: entry[key] for key in OF_DATASETS if entry[key] is not None}
    return merge(merge(defaults, stated), own) | {"image": image}


def _complete_planes(material: dict[str, Any]) -> None:
    """Write each plane that is given by its path, or without quarter turns, in full."""
    planes = material.get("planes")
    if not isinstance(planes, list | tuple):
        return
    named = [{"image": plane} if isinstance(plane, str) else plane for plane in planes]
    material["planes"] = [
        {"quarter_turns": 0, **plane} if isinstance(plane, Mapping) else plane for plane in named
    ]


def _complete_phases(material: dict[str, Any]) -> None:
    """Write phases that are given with their numbers or colours as two lists."""
    phases = material.get("phases")
    if isinstance(phases, Mapping):
        material["phases"] = list(phases)
        material["phase_values"] = list(phases.values())


def _complete_raw(material: dict[str, Any]) -> None:
    """Write what most raw files have in common."""
    raw = material.get("raw")
    if isinstance(raw, Mapping):
        material["raw"] = {"byte_order": "little", "offset": 0, **raw}


def _resolve_model(
    name: str, models: Mapping[str, Any], descendants: tuple[str, ...]
) -> dict[str, Any]:
    if name in descendants:
        raise ConfigError(f"models.{name}: is based on itself ({' -> '.join(descendants)}).")
    if name not in models:
        raise ConfigError(
            f"models.{descendants[-1]}.based_on: {name!r} is not among the models "
            f"{sorted(models)}{did_you_mean(name, models)}."
        )
    if not isinstance(models[name], Mapping):
        raise ConfigError(f"models.{name}: expected a mapping of settings, got {models[name]!r}.")
    own = dict(models[name])
    base = own.pop("based_on", None)
    if base is None:
        return own
    if not isinstance(base, str):
        raise ConfigError(f"models.{name}.based_on: expected the name of a model, got {base!r}.")
    return merge(_resolve_model(base, models, (*descendants, name)), own)


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return a hint at the choice that is spelt most like ``name``, or nothing."""
    close = difflib.get_close_matches(str(name), list(choices), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def from_dict(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build the dataclass ``cls`` from a mapping that has exactly its field names.

    Lists become tuples and nested mappings the nested dataclasses; those of networks and
    objectives are chosen by their kinds (`matvir.families`).

    Raises
    ------
    ConfigError
        If a key is unknown or missing, or a kind.
    """
    hints = get_type_hints(cls)
    unknown, missing = sorted(values.keys() - hints.keys()), sorted(hints.keys() - values.keys())
    if unknown or missing:
        raise ConfigError(
            f"{cls.__name__}: unknown keys {unknown}, missing keys {missing}; "
            f"expected exactly {sorted(hints)}."
        )
    if NetworkConfig in hints.values():
        hints["network"] = _record_of(values["kind"], FAMILIES)
    if ObjectiveConfig in hints.values():
        hints["objective"] = _record_of(values["objective"].get("kind"), OBJECTIVES)
    return cls(**{name: _convert(hint, values[name]) for name, hint in hints.items()})


def _record_of(kind: Any, known: Mapping[str, Any]) -> type:
    """Return the record of a kind of model or objective."""
    if kind not in known:
        raise ConfigError(f"kind: {kind!r} is none of {sorted(known)}{did_you_mean(kind, known)}.")
    record: type = load(known[kind].settings)
    return record


def _convert(hint: Any, value: Any) -> Any:
    options = (hint, *get_args(hint))  # of a type or None
    if isinstance(value, Mapping):
        for option in options:
            if get_origin(option) is dict:
                return {key: _convert(get_args(option)[1], item) for key, item in value.items()}
        record: Any = next(option for option in options if is_dataclass(option))
        return from_dict(record, value)
    if isinstance(value, list | tuple):
        items = next((get_args(one)[0] for one in options if get_origin(one) is tuple), None)
        return tuple(_convert(items, item) for item in value)
    return value


def to_dict(record: Any) -> Any:
    """Return a configuration record as plain mappings and lists, the inverse of `from_dict`."""
    if is_dataclass(record):
        return {field.name: to_dict(getattr(record, field.name)) for field in fields(record)}
    if isinstance(record, dict):
        return {key: to_dict(value) for key, value in record.items()}
    if isinstance(record, tuple):
        return [to_dict(item) for item in record]
    return record
