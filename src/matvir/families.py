"""The families of models: one row per kind, with all that other rooms ask of it.

The table itself imports nothing, so that a configuration can be checked without torch. What does
the work is named by its place, ``"room.module:name"``, and imported by `load` when it is used.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class ObjectiveKind:
    """Something that a training can minimise.

    Attributes
    ----------
    name : str
        ``training.objective.kind`` of the configuration.
    settings : str
        Place of the record of its settings.
    trains : str
        Place of the class that makes its steps (`matvir.training.objective.Objective`).
    revision : int
        Raise it in the same change that alters what a training of this objective makes, and say so
        in the changelog under "Results": trainings, and all that follows, then run again. Editing
        the package alone re-runs nothing, so an update never throws hours of training away.
    shared : tuple of str
        Settings of numbers of volumes that several processes can share; empty if one process alone
        can train.
    needs_phases : bool
        Whether materials that keep their grey values or colours are of no use.
    """

    name: str
    settings: str
    trains: str
    revision: int
    shared: tuple[str, ...] = ()
    needs_phases: bool = False


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of model.

    Attributes
    ----------
    name : str
        ``kind`` of a model in the configuration.
    network : str
        Place of the class of the network (`matvir.models.Network`).
    settings : str
        Place of the record that describes the network.
    objectives : tuple of ObjectiveKind
        What it can minimise.
    learns_from : {"sections", "volumes"}
        What a material must provide.
    makes : {"volumes", "images"}
        What the trained network generates; images are 2D.
    sampler : str
        Place of what generates with it, given the network and a device.
    rules : str
        Place of the function that returns what is wrong with the settings of a model.
    sizes : str
        Place of the function that refuses sizes of volumes that it cannot make.
    has_codes : bool
        Whether images can be encoded, so that its codes can be looked at.
    """

    name: str
    network: str
    settings: str
    objectives: tuple[ObjectiveKind, ...]
    learns_from: Literal["sections", "volumes"] = "sections"
    makes: Literal["volumes", "images"] = "volumes"
    sampler: str
    rules: str
    sizes: str
    has_codes: bool = False


FAMILIES = {
    family.name: family
    for family in (
        Family(
            name="slicegan",
            network="models.slicegan:Generator",
            settings="settings.models:SliceganNetworkConfig",
            objectives=(
                ObjectiveKind(
                    name="wasserstein-gp",
                    settings="settings.objectives:WassersteinGPConfig",
                    trains="training.losses.wasserstein_gp:WassersteinGP",
                    revision=9,
                    shared=("critic_volumes", "generator_volumes"),
                ),
                ObjectiveKind(
                    name="sliced-wasserstein",
                    settings="settings.objectives:SlicedWassersteinConfig",
                    trains="training.losses.sliced_wasserstein:SlicedWasserstein",
                    revision=8,
                ),
                ObjectiveKind(
                    name="relativistic",
                    settings="settings.objectives:RelativisticConfig",
                    trains="training.losses.relativistic:Relativistic",
                    revision=8,
                    shared=("volumes",),
                ),
            ),
            sampler="generation.blocks:BlockwiseGenerator",
            rules="settings.model_rules:of_slicegan",
            sizes="settings.sizes:require_whole_periods",
        ),
        Family(
            name="gan3d",
            network="models.slicegan:Generator",
            settings="settings.models:SliceganNetworkConfig",
            objectives=(
                ObjectiveKind(
                    name="gan-3d",
                    settings="settings.objectives:Gan3dConfig",
                    trains="training.losses.gan3d:Gan3d",
                    revision=8,
                ),
            ),
            learns_from="volumes",
            sampler="generation.blocks:BlockwiseGenerator",
            rules="settings.model_rules:of_gan3d",
            sizes="settings.sizes:require_size_of_training",
        ),
        Family(
            name="gan2d",
            network="models.gan2d:ImageGenerator",
            settings="settings.models:Gan2dNetworkConfig",
            objectives=(
                ObjectiveKind(
                    name="gan-2d",
                    settings="settings.objectives:Gan2dConfig",
                    trains="training.losses.gan2d:Gan2d",
                    revision=9,
                ),
            ),
            makes="images",
            sampler="generation.images:sample_images",
            rules="settings.model_rules:of_images",
            sizes="settings.sizes:require_edge_of_images",
        ),
        Family(
            name="vae",
            network="models.vae:Vae",
            settings="settings.models:VaeNetworkConfig",
            objectives=(
                ObjectiveKind(
                    name="vae",
                    settings="settings.objectives:VaeConfig",
                    trains="training.losses.vae:Autoencoding",
                    revision=9,
                ),
                ObjectiveKind(
                    name="vae-gan",
                    settings="settings.objectives:VaeGanConfig",
                    trains="training.losses.vaegan:VaeGan",
                    revision=10,
                ),
                ObjectiveKind(
                    name="statistics-vae",
                    settings="settings.objectives:StatisticsVaeConfig",
                    trains="training.losses.vae:StatisticsAutoencoding",
                    revision=9,
                    needs_phases=True,
                ),
            ),
            makes="images",
            sampler="generation.images:sample_images",
            rules="settings.model_rules:of_images",
            sizes="settings.sizes:require_edge_of_images",
            has_codes=True,
        ),
        Family(
            name="diffusion",
            network="models.diffusion:Diffusion",
            settings="settings.models:DiffusionNetworkConfig",
            objectives=(
                ObjectiveKind(
                    name="denoising",
                    settings="settings.objectives:DenoisingConfig",
                    trains="training.losses.denoising:Denoising",
                    revision=3,
                ),
            ),
            sampler="generation.diffusion:DiffusionGenerator",
            rules="settings.model_rules:of_diffusion",
            sizes="settings.sizes:any_size",
        ),
        Family(
            name="diffusion2d",
            network="models.diffusion:ImageDiffusion",
            settings="settings.models:DiffusionImageNetworkConfig",
            objectives=(
                ObjectiveKind(
                    name="denoising-2d",
                    settings="settings.objectives:ImageDenoisingConfig",
                    trains="training.losses.denoising:Denoising",
                    revision=2,
                ),
            ),
            makes="images",
            sampler="generation.images:sample_images",
            rules="settings.model_rules:of_diffusion",
            sizes="settings.sizes:require_edge_of_images",
        ),
        Family(
            name="gaussian-field",
            network="models.gaussian_field:GaussianField",
            settings="settings.models:GaussianFieldNetworkConfig",
            objectives=(
                ObjectiveKind(
                    name="gaussian-field",
                    settings="settings.objectives:GaussianFieldConfig",
                    trains="training.losses.gaussian_field:GaussianFieldFit",
                    revision=1,
                    needs_phases=True,
                ),
            ),
            sampler="generation.gaussian_field:FieldGenerator",
            rules="settings.model_rules:of_gaussian_field",
            sizes="settings.sizes:any_size",
        ),
    )
}
OBJECTIVES = {one.name: one for family in FAMILIES.values() for one in family.objectives}


def load(place: str) -> Any:
    """Return what is at a place ``"room.module:name"`` of the package."""
    module, _, name = place.partition(":")
    return getattr(import_module(f"matvir.{module}"), name)
