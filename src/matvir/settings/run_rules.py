"""Rules between the materials and models of a run, and all else that spans the configuration."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from matvir.families import FAMILIES, OBJECTIVES
from matvir.settings.build import did_you_mean
from matvir.settings.material_rules import is_flat
from matvir.settings.model_rules import layer_faults
from matvir.settings.models import ModelConfig, SliceganNetworkConfig
from matvir.settings.records import Config, MaterialConfig, MeasureConfig

# Folder names below results/ and results/{material}/ that a name must not take.
RESERVED = {
    "materials": ("report",),
    "models": ("real", "raw", "segmented", "encoded", "compare"),
}


def faults(config: Config) -> Iterator[str]:
    """Yield one sentence for each rule that is broken.

    Parameters
    ----------
    config : Config
        Names of the run that are not defined are named elsewhere and left out here.
    """
    for section, names in RESERVED.items():
        taken = [name for name in names if name in getattr(config, section)]
        yield from (f"{section}.{name}: the name is reserved" for name in taken)
    for name, model in config.models.items():
        if (model.training.steps is None) == (model.training.budget is None):
            yield (
                f"models.{name}.training: give exactly one of steps and budget and set the other "
                "to null"
            )
    if (config.generation.size_voxels is None) == (config.generation.size_um is None):
        yield "generation: give exactly one of size_voxels and size_um and set the other to null"
    yield from _electrode_faults(config)
    materials = {n: config.materials[n] for n in config.run.materials if n in config.materials}
    yield from _phase_faults("connected_to", config.measure.connected_to, materials)
    yield from _phase_faults("conductivities", config.measure.conductivities, materials)
    if "relative-conductivity" in config.measure.metrics and not config.measure.conductivities:
        yield "measure.conductivities: give that of a phase at least to measure conductivity"
    yield from _stiffness_faults(config.measure, materials)
    models = {n: config.models[n] for n in config.run.models if n in config.models}
    for name, model in models.items():
        # Of models that are not run, some are completed from another that a user changed.
        if isinstance(model.network, SliceganNetworkConfig):
            yield from _layer_faults(name, model.network)
        yield from _process_faults(name, model, config.train.processes)
        yield from _warm_start_faults(name, model, config)
        yield from _target_faults(name, model, materials)
        for material_name, material in materials.items():
            yield from _pair_faults(name, model, material_name, material)


def _electrode_faults(config: Config) -> Iterator[str]:
    """Yield the phases of an electrode that a material of the run does not have."""
    if config.electrode is None:
        return
    wanted = {"electrolyte": config.electrode.electrolyte, "active": config.electrode.active}
    for name in config.run.materials:
        material = config.materials.get(name)
        phases = None if material is None else material.phases
        for role, phase in wanted.items():
            if phases is not None and phase not in phases:
                yield (
                    f"electrode.{role}: expected one of the phases {list(phases)} of {name}, got "
                    f"{phase!r}{did_you_mean(phase, phases)}"
                )
    if wanted["electrolyte"] == wanted["active"]:
        yield f"electrode.active: expected another phase than {wanted['active']!r}, the electrolyte"


def _stiffness_faults(
    measure: MeasureConfig, materials: dict[str, MaterialConfig]
) -> Iterator[str]:
    """Yield what keeps the stiffness from being measured."""
    yield from _phase_faults("youngs_moduli", measure.youngs_moduli, materials)
    yield from _phase_faults("poissons_ratios", measure.poissons_ratios, materials)
    if "relative-stiffness" not in measure.metrics:
        return
    if not any(measure.youngs_moduli.values()):
        yield "measure.youngs_moduli: give that of a phase at least to measure stiffness"
    if find_spec("muGrid") is None:
        yield (
            "measure.metrics: relative-stiffness needs muGrid, which is not installed; run "
            "`pip install muGrid` or leave it out"
        )


def _phase_faults(
    key: str, named: Iterable[str], materials: dict[str, MaterialConfig]
) -> Iterator[str]:
    """Yield phases that a setting of the measurements names and no material of the run has."""
    phases = [material.phases for material in materials.values()]
    known = {name for names in phases for name in names or ()}
    if None in phases:
        return  # the image names them
    yield from (
        f"measure.{key}: no material of the run has a phase {name!r}, there are "
        f"{', '.join(sorted(known))}{did_you_mean(name, known)}"
        for name in named
        if name not in known
    )


def _layer_faults(name: str, network: SliceganNetworkConfig) -> Iterator[str]:
    found = layer_faults("generator", network.generator)
    if network.critic is not None:
        found += layer_faults("critic", network.critic)
    yield from (f"models.{name}.{fault}" for fault in found)


def _process_faults(name: str, model: ModelConfig, processes: int) -> Iterator[str]:
    objective = model.training.objective
    for key in OBJECTIVES[objective.kind].shared:
        if getattr(objective, key) % processes:
            yield (
                f"models.{name}.training.objective.{key}: expected a multiple of the {processes} "
                f"processes that share a training (train.processes), got {getattr(objective, key)}"
            )


def _warm_start_faults(name: str, model: ModelConfig, config: Config) -> Iterator[str]:
    """Yield that a model would begin with a generator of other layers."""
    path = model.training.warm_start
    parts = () if path is None else Path(path).parts
    other = config.models.get(parts[2]) if len(parts) > 2 and parts[0] == "results" else None
    if other is not None and _without_critic(model) != _without_critic(other):
        yield (
            f"models.{name}.training.warm_start: {path!r} is of the model {parts[2]!r}, which "
            "has another network; start from the same model"
        )


def _without_critic(model: ModelConfig) -> object:
    network = model.network
    return replace(network, critic=None) if isinstance(network, SliceganNetworkConfig) else network


def _target_faults(
    name: str, model: ModelConfig, materials: dict[str, MaterialConfig]
) -> Iterator[str]:
    """Yield targets that no material of the run can have."""
    control = model.training.density_control
    targets = (control.volume_fractions if control else None) or {}
    where, total = f"models.{name}.training.density_control", sum(targets.values())
    if total > 1 + 1e-6:
        yield f"{where}.volume_fractions: expected a sum of at most 1, got {total:g}"
    for material_name, material in materials.items():
        if control and material.segmentation.method == "none":
            yield (
                f"{where}: the material {material_name!r} keeps its values and has no phases; set "
                "it to null, or leave one of the two out of 'run'"
            )
        if targets and set(targets) == set(material.phases or ()) and total < 1 - 1e-6:
            yield (
                f"{where}.volume_fractions: all phases of {material_name!r} are named, expected a "
                f"sum of 1, got {total:g}"
            )
        phases = material.phases or targets
        yield from (
            f"{where}.volume_fractions: the material {material_name!r} has no phase {phase!r}, its "
            f"phases are {', '.join(phases)}{did_you_mean(phase, phases)}"
            for phase in targets
            if phase not in phases
        )


def _pair_faults(
    name: str, model: ModelConfig, material_name: str, material: MaterialConfig
) -> Iterator[str]:
    """Yield why a model can learn nothing from a material."""
    if FAMILIES[model.kind].learns_from == "volumes" and is_flat(material):
        yield (
            f"run.models: {name!r} learns from volumes, and the material {material_name!r} gives "
            "2D images; leave one of them out, or give a volume as 'image'"
        )
    needs_phases = OBJECTIVES[model.training.objective.kind].needs_phases
    if needs_phases and material.segmentation.method == "none":
        yield (
            f"run.models: {name!r} learns correlations of phases, and the material "
            f"{material_name!r} keeps its values; leave one of the two out"
        )
