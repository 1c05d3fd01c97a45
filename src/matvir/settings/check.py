"""Faults of a configuration, found before any work starts and named by their keys."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from matvir.errors import ConfigError
from matvir.settings import unused as unused_settings
from matvir.settings.image_models import faults as image_model_faults
from matvir.settings.information_density import faults as density_faults
from matvir.settings.records import (
    IMAGE_KINDS,
    NETWORKS,
    OBJECTIVES,
    SHARED_OBJECTIVES,
    Config,
    ModelConfig,
    did_you_mean,
    from_dict,
)

# Folder names below results/ and results/{material}/ that a name must not take.
RESERVED_MATERIALS = ("report",)
RESERVED_MODELS = ("real", "raw", "segmented", "encoded", "compare")
# The search for thresholds takes minutes for one phase more.
MOST_OTSU_PHASES = 5
# The built-in material that has no phases, and those that are stacks of labels.
COLOURED = "ebsd"
STACKS = ("lines", "oblique-lines")
# Kinds of models with rules of their own.
FAULTS_BY_KIND = {
    **dict.fromkeys(IMAGE_KINDS, image_model_faults),
    "gaussian-field": unused_settings.faults,
}
# Objectives that are about phases, and know nothing of values.
OF_PHASES = ("statistics-vae", "gaussian-field")


def check(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Config:
    """Check a resolved configuration against the schema and across its keys.

    Parameters
    ----------
    config : mapping
        What :func:`resolve` returned.
    schema : mapping
        The content of ``config/schema.yaml``.

    Returns
    -------
    Config
        The configuration as frozen records.

    Raises
    ------
    ConfigError
        With every fault that was found, one a line, each by the name of its key.
    """
    faults = schema_faults(config, schema)
    if not faults:
        faults = _cross_key_faults(config)
    if faults:
        raise ConfigError("the configuration cannot be used:\n  " + "\n  ".join(faults))
    return from_dict(Config, config)


def schema_faults(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each place where ``config`` breaks ``schema``."""
    import jsonschema  # not needed where only trained models are used

    validator = jsonschema.Draft202012Validator(schema)
    faults = []
    for error in sorted(validator.iter_errors(config), key=lambda e: [str(p) for p in e.path]):
        faults.extend(_explain(error))
    return faults


def _explain(error: Any) -> list[str]:
    """Turn one error of jsonschema into sentences that name the key and say what to do."""
    where = ".".join(str(part) for part in error.absolute_path)
    if error.validator in ("oneOf", "anyOf"):
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


def _cross_key_faults(config: Mapping[str, Any]) -> list[str]:
    """Return what a schema cannot say: references between keys and alternatives."""
    faults = []
    for section in ("materials", "models"):
        known = config[section]
        faults += [
            f"run.{section}: {name!r} is not defined under {section}: "
            f"{sorted(known)}{did_you_mean(name, known)}"
            for name in config["run"][section]
            if name not in known
        ]
    faults += [
        f"materials.{n}: the name is reserved"
        for n in RESERVED_MATERIALS
        if n in config["materials"]
    ]
    faults += [
        f"models.{n}: the name is reserved" for n in RESERVED_MODELS if n in config["models"]
    ]
    for name in config["run"]["materials"]:
        if name in config["materials"]:
            faults += [f"materials.{name}.{f}" for f in _material_faults(config["materials"][name])]
    faults += [
        f"models.{name}.training: give exactly one of steps and budget and set the other to null"
        for name, model in config["models"].items()
        if (model["training"]["steps"] is None) == (model["training"]["budget"] is None)
    ]
    processes = config["train"]["processes"]
    for name in config["run"]["models"]:
        objective = config["models"].get(name, {}).get("training", {}).get("objective", {})
        faults += [
            f"models.{name}.training.objective.{key}: expected a multiple of the {processes} "
            f"processes that share a training (train.processes), got {objective[key]}"
            for key in SHARED_OBJECTIVES.get(objective.get("kind"), ())
            if objective[key] % processes
        ]
    for name, model in config["models"].items():
        expected = {field.name for field in fields(NETWORKS[model["kind"]])}
        if model["network"].keys() != expected:
            faults.append(
                f"models.{name}.network: a {model['kind']} has the keys {sorted(expected)}, got "
                f"{sorted(model['network'])}; base the model on one of its kind"
            )
            continue
        minimised, possible = model["training"]["objective"]["kind"], OBJECTIVES[model["kind"]]
        if minimised not in possible:
            faults.append(
                f"models.{name}.training.objective.kind: expected {' or '.join(possible)} for "
                f"'kind: {model['kind']}', got {minimised!r}"
            )
            continue
        if model["kind"] in FAULTS_BY_KIND:
            sentences = FAULTS_BY_KIND[model["kind"]](from_dict(ModelConfig, model))
            faults += [f"models.{name}.{sentence}" for sentence in sentences]
            continue
        faults += [f"models.{name}.{fault}" for fault in _density_control_faults(model)]
        of_volumes = model["kind"] == "gan3d"
        if of_volumes and model["network"]["critic"] is None:
            faults.append(f"models.{name}.network.critic: 'gan-3d' needs a discriminator, got null")
        if of_volumes:
            continue  # published with layers that break the rules below
        layers = model["network"]["generator"]
        geometry = zip(layers["kernel_sizes"], layers["strides"], layers["paddings"], strict=False)
        faults += [f"models.{name}.network.generator: {f}" for f in density_faults(list(geometry))]
    faults += _target_faults(config) + _volume_faults(config) + _warm_start_faults(config)
    faults += _statistics_faults(config)
    if (config["generation"]["size_voxels"] is None) == (config["generation"]["size_um"] is None):
        faults.append(
            "generation: give exactly one of size_voxels and size_um and set the other to null"
        )
    return faults


def _density_control_faults(model: Mapping[str, Any]) -> list[str]:
    control = model["training"]["density_control"]
    conditional = model["network"]["conditional"]
    in_range = control is not None and control["range"] is not None
    faults = []
    if control is not None and in_range == (control["volume_fractions"] is not None):
        faults.append(
            "training.density_control: give exactly one of volume_fractions and range and set the "
            "other to null"
        )
    if conditional != in_range:
        faults.append(
            "network.conditional: a conditional generator needs a 'training.density_control.range',"
            f" and others have none; got conditional {conditional} and density_control {control}"
        )
    training = model["training"]
    kind = training["objective"]["kind"]
    if conditional and kind == "relativistic" and training["objective"]["volumes"] < 2:
        faults.append(
            "training.objective.volumes: a conditional generator learns from the differences "
            "between volumes, expected at least 2, got 1"
        )
    fixed = control is not None and not in_range
    if fixed and training["selection"] is not None and not training["match_fractions"]:
        faults.append(
            "training.match_fractions: with targets and a 'selection' it has to be true, as "
            "validations would prefer the micrograph's own fractions; got false"
        )
    if conditional and kind != "relativistic":
        faults.append(
            f"network.conditional: expected the objective 'relativistic', got {kind!r}; base the "
            "model on slicegan-conditional"
        )
    return faults


def _warm_start_faults(config: Mapping[str, Any]) -> list[str]:
    """Return models to run that would begin with a generator of other layers."""
    faults = []
    for name in config["run"]["models"]:
        model = config["models"].get(name)
        path = None if model is None else model["training"]["warm_start"]
        parts = [] if path is None else Path(path).parts
        other = config["models"].get(parts[2]) if len(parts) > 2 and parts[0] == "results" else None
        if model is None or other is None:
            continue
        ours, theirs = ({**one["network"], "critic": None} for one in (model, other))
        if ours != theirs:
            faults.append(
                f"models.{name}.training.warm_start: {path!r} is of the model {parts[2]!r}, which "
                "has another network; start from the same model"
            )
    return faults


def _volume_faults(config: Mapping[str, Any]) -> list[str]:
    """Return materials to run that are known not to be volumes, which `gan3d` models need."""
    names = [
        n for n in config["run"]["models"] if config["models"].get(n, {}).get("kind") == "gan3d"
    ]
    flat = [name for name in config["run"]["materials"] if _is_flat(config["materials"].get(name))]
    return [
        f"run.models: {model!r} learns from volumes, and the material {material!r} gives 2D "
        "images; leave one of them out, or give a volume as 'image'"
        for model in names
        for material in flat
    ]


def _is_flat(material: Mapping[str, Any] | None) -> bool:
    """Return whether a material is known to be 2D before its image is read."""
    return material is not None and (material["image"] is None or material["stack"])


def _statistics_faults(config: Mapping[str, Any]) -> list[str]:
    """Return materials without phases beside models that learn correlations of phases."""
    models = [
        name
        for name in config["run"]["models"]
        if config["models"].get(name, {}).get("training", {}).get("objective", {}).get("kind")
        in OF_PHASES
    ]
    valued = [
        name
        for name in config["run"]["materials"]
        if config["materials"].get(name, {}).get("segmentation", {}).get("method") == "none"
    ]
    return [
        f"run.models: {model!r} learns correlations of phases, and the material {material!r} keeps "
        "its values; leave one of the two out"
        for model in models
        for material in valued
    ]


def _target_faults(config: Mapping[str, Any]) -> list[str]:
    """Return targets of models to run that no material to run can have."""
    faults = []
    for name in config["run"]["models"]:
        control = config["models"].get(name, {}).get("training", {}).get("density_control") or {}
        targets = control.get("volume_fractions") or {}
        where = f"models.{name}.training.density_control.volume_fractions"
        if sum(targets.values()) > 1 + 1e-6:
            faults.append(f"{where}: expected a sum of at most 1, got {sum(targets.values()):g}")
        for material in config["run"]["materials"]:
            known = config["materials"].get(material, {})
            if control and known.get("segmentation", {}).get("method") == "none":
                faults.append(
                    f"models.{name}.training.density_control: the material {material!r} keeps its "
                    "values and has no phases; set it to null, or leave one of the two out of 'run'"
                )
            all_named = targets and set(targets) == set(known.get("phases") or ())
            if all_named and sum(targets.values()) < 1 - 1e-6:
                faults.append(
                    f"{where}: all phases of {material!r} are named, expected a sum of 1, got "
                    f"{sum(targets.values()):g}"
                )
            phases = known.get("phases") or targets
            faults += [
                f"{where}: the material {material!r} has no phase {phase!r}, its phases are "
                f"{', '.join(phases)}{did_you_mean(phase, phases)}"
                for phase in targets
                if phase not in phases
            ]
    return faults


def missing_files(config: Mapping[str, Any]) -> None:
    """Check that the files of the materials and models to run exist.

    Raises
    ------
    ConfigError
        With every file that is missing, by the name of its key.
    """
    missing = []
    for name in config["run"]["materials"]:
        material = config["materials"][name]
        planes = enumerate(material["planes"] or ())
        named = {
            "image": material["image"],
            **{f"planes.{axis}": plane and plane["image"] for axis, plane in planes},
            "reference": material["reference"],
            "segmentation.scribbles": material["segmentation"]["scribbles"],
        }
        missing += [
            f"materials.{name}.{key}: there is no file {path!r}"
            for key, path in named.items()
            if path is not None and not file_of(path).is_file()
        ]
    for name in config["run"]["models"]:
        path = config["models"][name]["training"]["warm_start"]
        # That of another run is made when it is asked for.
        if path is not None and not path.startswith("results/") and not Path(path).is_file():
            missing.append(f"models.{name}.training.warm_start: there is no file {path!r}")
    if missing:
        lines = "\n  ".join(missing)
        raise ConfigError(f"files are missing; paths start at {Path.cwd()}:\n  {lines}")


def file_of(source: str) -> Path:
    """Return the file of an image source: what stands before ``:/`` in ``file.h5:/dataset``."""
    return Path(source.split(":/", maxsplit=1)[0])


def _material_faults(material: Mapping[str, Any]) -> list[str]:
    faults = _source_faults(material) + _stack_faults(material)
    synthetic = material["synthetic"]
    coloured = synthetic is not None and synthetic["kind"] == COLOURED
    if coloured and (material["segmentation"]["method"] != "none" or material["type"] != "rgb"):
        faults.append(
            f"synthetic.kind: {COLOURED!r} is a map of colours; set 'type: rgb' and "
            "'segmentation: {method: none}'"
        )
    if material["segmentation"]["method"] == "none":
        return faults + _values_faults(material) + _symmetry_faults(material)
    if material["type"] != "labels" and not material["phases"]:
        faults.append(
            "phases: expected the names of the phases from dark to bright, got none; "
            "if the image holds labels already, set 'type: labels'"
        )
    if material["synthetic"] is not None and material["reference"] is not None:
        faults.append("reference: a synthetic material is its own reference; set it to null")
    return faults + _symmetry_faults(material) + _segmentation_faults(material)


def _stack_faults(material: Mapping[str, Any]) -> list[str]:
    """Return what does not fit separate images, or a material that consists of them."""
    kind = None if material["synthetic"] is None else material["synthetic"]["kind"]
    if kind in STACKS and not (material["stack"] and material["type"] == "labels"):
        return [f"synthetic.kind: {kind!r} is a stack of labels; set 'stack: true, type: labels'"]
    if not material["stack"]:
        return []
    faults = []
    if material["image"] is None and kind not in STACKS:
        faults.append("stack: needs a 3D 'image', whose planes are the micrographs")
    if not material["isotropic"]:
        faults.append(
            "isotropic: a stack shows one kind of slices; set it to true, or give 'planes'"
        )
    segmentation = material["segmentation"]
    neighbours = {
        "denoise.method": (material["denoise"]["method"], "none"),
        "segmentation.edge_correction": (segmentation["edge_correction"], False),
        "segmentation.min_speck": (segmentation["min_speck"], 0),
    }
    if segmentation["method"] == "otsu":
        neighbours["segmentation.shading_degree"] = (segmentation["shading_degree"], 0)
    is_grey = material["type"] != "labels" and segmentation["method"] != "none"
    if is_grey:
        faults += [
            f"{key}: the images of a stack are segmented pixel by pixel, expected {wanted!r}, got "
            f"{got!r}; set it so, or give labels"
            for key, (got, wanted) in neighbours.items()
            if got != wanted
        ]
    if is_grey and segmentation["method"] == "scribbles":
        faults.append(
            "segmentation.method: scribbles are of one image, not of a stack; use 'otsu' or "
            "'thresholds'"
        )
    return faults


def _values_faults(material: Mapping[str, Any]) -> list[str]:
    """Return what an image that keeps its values cannot have."""
    reasons = {
        "phases": "there are none without a segmentation",
        "circle": "all of the image has to show the material; use 'crop'",
        "reference": "labels cannot judge grey values or colours",
    }
    synthetic = material["synthetic"]
    if synthetic is not None and synthetic["kind"] != COLOURED:
        reasons["synthetic"] = "its truth are labels, which cannot judge grey values"
    faults = [
        f"{key}: {reason}; set it to null, or 'segmentation.method' to 'otsu'"
        for key, reason in reasons.items()
        if material[key] is not None
    ]
    if material["type"] == "labels":
        faults.append(
            "segmentation.method: labels are phases already, got 'none'; leave it at 'otsu', which "
            "does nothing to them"
        )
    return faults


def _symmetry_faults(material: Mapping[str, Any]) -> list[str]:
    faults = []
    if material["isotropic"] and material["symmetry"]["rotation_axis"] is not None:
        faults.append(
            "symmetry.rotation_axis: an isotropic material looks alike around every axis; set it "
            "to null, or 'isotropic' to false"
        )
    if not material["isotropic"] and material["symmetry"]["quarter_turns"]:
        faults.append(
            "symmetry.quarter_turns: an anisotropic material has no quarter turns; set it to false"
        )
    return faults


def _source_faults(material: Mapping[str, Any]) -> list[str]:
    sources = [key for key in ("image", "planes", "synthetic") if material[key] is not None]
    if len(sources) != 1:
        return [
            "image: give either 'image' (a path), 'planes' (a path per axis) or 'synthetic', got "
            f"{' and '.join(sources) or 'none of them'}"
        ]
    if material["planes"] is None:
        return []
    faults = []
    planes = material["planes"]
    missing = [axis for axis, plane in enumerate(planes) if plane is None]
    if len(planes) != 3 or len(missing) > 1:
        faults.append(
            "planes: expected an image for each of the axes 0, 1 and 2, in this order, null for at "
            f"most one that there is no image across, got {len(planes)} entries, of which "
            f"{len(missing)} are null; a path may be given twice"
        )
    if material["isotropic"]:
        faults.append(
            "planes: one 'image' is enough for an isotropic material; set 'isotropic' and "
            "'symmetry.quarter_turns' to false, or give 'image'"
        )
    if material["segmentation"]["method"] == "scribbles":
        faults.append(
            "segmentation.method: scribbles are of one image, not of several planes; use 'otsu', "
            "'thresholds' or 'type: labels'"
        )
    return faults


def _segmentation_faults(material: Mapping[str, Any]) -> list[str]:
    faults = []
    segmentation, n_phases = material["segmentation"], len(material["phases"] or ())
    automatic = material["type"] != "labels" and segmentation["method"] == "otsu"
    if automatic and n_phases > MOST_OTSU_PHASES:
        faults.append(
            f"segmentation.method: 'otsu' finds at most {MOST_OTSU_PHASES} phases, "
            f"got {n_phases}; use 'thresholds' or 'scribbles'"
        )
    if segmentation["method"] == "thresholds":
        given = segmentation["thresholds"] or []
        if len(given) != n_phases - 1 or given != sorted(given):
            faults.append(
                f"segmentation.thresholds: expected {n_phases - 1} ascending grey values for "
                f"{n_phases} phases, got {given}"
            )
    if segmentation["method"] == "scribbles" and segmentation["scribbles"] is None:
        faults.append("segmentation.scribbles: expected the path of the scribble image, got none")
    return faults
