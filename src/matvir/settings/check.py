"""Faults of a configuration, found before any work starts and named by their keys."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from matvir.errors import ConfigError
from matvir.families import FAMILIES, load
from matvir.files import split_dataset
from matvir.settings import material_rules, run_rules
from matvir.settings.build import did_you_mean, from_dict
from matvir.settings.models import ModelConfig
from matvir.settings.records import Config
from matvir.settings.schema import of_record, schema


def check(config: Mapping[str, Any]) -> Config:
    """Check a resolved configuration against the schema and across its keys.

    Parameters
    ----------
    config : mapping
        What :func:`matvir.settings.build.resolve` returned.

    Returns
    -------
    Config
        The configuration as frozen records.

    Raises
    ------
    ConfigError
        With every fault that was found, one a line, each by the name of its key.
    """
    _refuse(schema_faults(config))
    of_kinds = {name: _kind_faults(model) for name, model in config["models"].items()}
    found = [f"models.{name}.{fault}" for name, faults in of_kinds.items() for fault in faults]
    # Without the models that no record describes, to find the other faults too.
    described = {n: m for n, m in config["models"].items() if not of_kinds[n]}
    checked = from_dict(Config, {**config, "models": {}})
    models = {name: from_dict(ModelConfig, model) for name, model in described.items()}
    checked = replace(checked, models=models)
    found += _undefined(config)
    for name in checked.run.materials:
        if name in checked.materials:
            broken = material_rules.faults(checked.materials[name])
            found += [f"materials.{name}.{fault}" for fault in broken]
    for name, model in models.items():
        found += [f"models.{name}.{fault}" for fault in load(FAMILIES[model.kind].rules)(model)]
    _refuse([*found, *run_rules.faults(checked)])
    return checked


def _refuse(found: list[str]) -> None:
    if found:
        raise ConfigError("the configuration cannot be used:\n  " + "\n  ".join(found))


def _kind_faults(model: Mapping[str, Any]) -> list[str]:
    """Return why the network or the objective of a model are not of its kind."""
    family = FAMILIES[model["kind"]]
    record = load(family.settings)
    expected = {field.name for field in fields(record)}
    if model["network"].keys() != expected:
        return [
            f"network: a {family.name} has the keys {sorted(expected)}, got "
            f"{sorted(model['network'])}; base the model on one of its kind"
        ]
    # The schema is content if a record with the same keys fits, of whatever kind.
    broken = _faults(of_record(record), model["network"])
    if broken:
        return [f"network.{fault}" for fault in broken]
    minimised = model["training"]["objective"]["kind"]
    possible = [objective.name for objective in family.objectives]
    if minimised not in possible:
        return [
            f"training.objective.kind: expected {' or '.join(possible)} for 'kind: {family.name}', "
            f"got {minimised!r}"
        ]
    return []


def _undefined(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield names of the run that nothing defines."""
    for section in ("materials", "models"):
        known = config[section]
        yield from (
            f"run.{section}: {name!r} is not defined under {section}: "
            f"{sorted(known)}{did_you_mean(name, known)}"
            for name in config["run"][section]
            if name not in known
        )


def schema_faults(config: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each place where ``config`` breaks the schema."""
    return _faults(schema(), config)


def _faults(expected: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    import jsonschema  # not needed where only trained models are used

    validator = jsonschema.Draft202012Validator(expected)
    faults = []
    for error in sorted(validator.iter_errors(values), key=lambda e: [str(p) for p in e.path]):
        faults.extend(_explain(error))
    return faults


def _explain(error: Any) -> list[str]:
    """Turn one error of jsonschema into sentences that name the key and say what to do."""
    where = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "anyOf":
        return _explain_alternatives(error, where)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        return [
            f"{f'{where}.{key}' if where else key}: there is no such key"
            f"{did_you_mean(key, known) or f'; the keys are {sorted(known)}'}"
            for key in error.instance
            if key not in known
        ]
    if error.validator == "type":
        hint = ""
        if isinstance(error.instance, str) and _is_number(error.instance):
            hint = " (YAML reads this as text: write 1.0e-4 for 1e-4, and numbers without quotes)"
        return [f"{where}: expected {_types(error)}, got {error.instance!r}{hint}"]
    if error.validator == "pattern" and "description" in error.schema:
        return [f"{where}: got {error.instance!r}, expected: {error.schema['description']}"]
    return [f"{where}: {error.message}"]


def _explain_alternatives(error: Any, where: str) -> list[str]:
    """Explain only the alternative that was meant: the one whose ``kind`` fits, or most keys do."""
    branches: dict[int, list[Any]] = {}
    for sub in error.context:
        branches.setdefault(sub.schema_path[0], []).append(sub)
    meant = [
        subs
        for subs in branches.values()
        if not any(sub.validator in ("const", "enum") and "kind" in sub.path for sub in subs)
        and not any(sub.validator == "type" and not sub.path for sub in subs)
    ]
    explained = sorted(([line for sub in one for line in _explain(sub)] for one in meant), key=len)
    if len(meant) == 1 or (meant and "kind" not in error.instance):
        return explained[0]
    if isinstance(error.instance, Mapping):
        return [f"{where}: 'kind' is {error.instance.get('kind')!r}; see docs/configuration.md"]
    types_ = sorted(
        {_types(s) for subs in branches.values() for s in subs if s.validator == "type"}
    )
    return [f"{where}: expected {' or '.join(types_)}, got {error.instance!r}"]


def _types(error: Any) -> str:
    value = error.validator_value
    return " or ".join(value) if isinstance(value, list) else str(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def missing_files(config: Config) -> None:
    """Check that the files of the materials and models to run exist.

    Raises
    ------
    ConfigError
        With every file that is missing, by the name of its key.
    """
    missing = []
    for name in config.run.materials:
        material = config.materials[name]
        planes = [None if plane is None else plane.image for plane in material.planes or ()]
        named = {
            "image": material.image if material.dataset is None else None,  # it is fetched
            **{f"planes.{axis}": path for axis, path in enumerate(planes)},
            "reference": material.reference,
            "segmentation.scribbles": material.segmentation.scribbles,
        }
        missing += [
            f"materials.{name}.{key}: there is no file {path!r}"
            for key, path in named.items()
            if path is not None and not split_dataset(path)[0].exists()
        ]
    for name in config.run.models:
        path = config.models[name].training.warm_start
        # That of another run is made when it is asked for.
        if path is not None and not path.startswith("results/") and not Path(path).is_file():
            missing.append(f"models.{name}.training.warm_start: there is no file {path!r}")
    if missing:
        lines = "\n  ".join(missing)
        raise ConfigError(f"files are missing; paths start at {Path.cwd()}:\n  {lines}")
