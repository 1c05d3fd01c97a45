"""Records of what trainings minimise; which kinds of models can is said in `matvir.families`."""

from dataclasses import dataclass
from typing import Any, Literal

from matvir.settings.fields import adam_betas, adam_rate, count, loss_weight, setting, share


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig:
    """What a training minimises, by its ``kind``."""

    kind: str


@dataclass(frozen=True, kw_only=True)
class WassersteinGPConfig(ObjectiveConfig):
    """Wasserstein critic with gradient penalty (Algorithm 1 of the SliceGAN paper)."""

    kind: Literal["wasserstein-gp"] = setting(
        "Wasserstein critic with gradient penalty (Algorithm 1 of SliceGAN)."
    )
    critic_iterations: int = count("Updates of the critic per generator step.")
    gradient_penalty: float = loss_weight("Weight of the gradient penalty.")
    critic_volumes: int = count("Volumes per update of the critic.")
    generator_volumes: int = count(
        "Volumes per update of the generator; the paper takes twice those of the critic."
    )
    learning_rate: float = adam_rate()
    betas: tuple[float, float] = adam_betas()


@dataclass(frozen=True, kw_only=True)
class PatchesConfig:
    """Patches of ``size`` pixels at each level of an image pyramid, ``number`` at the finest."""

    size: int = setting("Edge of a patch.", minimum=2, unit="pixels")
    number: int = count(
        "Patches per step of each side at the finest level; each coarser level has half of them."
    )
    levels: int = count("Levels of the image pyramid; each halves the resolution.")
    directions: int = count("Random directions per step along which patches are compared.")


@dataclass(frozen=True, kw_only=True)
class SlicedWassersteinConfig(ObjectiveConfig):
    """Sliced Wasserstein distance between patches of slices and of real crops."""

    kind: Literal["sliced-wasserstein"] = setting(
        "Sliced Wasserstein distance between patches of slices and of real crops; no critic."
    )
    volumes: int = count("Volumes per step.")
    slices_per_axis: int = count(
        "Slices taken from each volume perpendicular to each axis per step."
    )
    real_crops: int = count("Real crops per step.")
    real_crop_size: int = count("Edge of a real crop; less if the image is smaller.", unit="pixels")
    patches: PatchesConfig = setting(
        "Square patches that are compared at each level of an image pyramid."
    )
    learning_rate: float = adam_rate()
    betas: tuple[float, float] = adam_betas()


@dataclass(frozen=True, kw_only=True)
class WarmUpConfig:
    """Patches that are matched with a ``weight`` that falls to 0 at the share ``until``."""

    until: float = share("Share of the steps at which the weight has fallen to 0.")
    weight: float = loss_weight("Weight of the patches in the generator's loss at the first step.")
    patches: PatchesConfig = setting(
        "Square patches that are compared at each level of an image pyramid."
    )


@dataclass(frozen=True, kw_only=True)
class FluctuationsConfig:
    """Match of how fractions vary, with a ``weight`` that grows from 0 at the share ``start``."""

    weight: float = loss_weight("Weight in the generator's loss at the end; 0 leaves it out.")
    start: float = setting(
        "Share of the steps at which the weight begins to grow from 0.", minimum=0, below=1
    )


@dataclass(frozen=True, kw_only=True)
class RelativisticConfig(ObjectiveConfig):
    """Relativistic critic of labelled slices, with two-point correlations beside it."""

    kind: Literal["relativistic"] = setting(
        "Relativistic critic of slices as labels, with the fluctuations of volume fractions beside "
        "it."
    )
    volumes: int = count("Volumes per step.")
    slices_per_axis: int = count(
        "Slices taken from each volume perpendicular to each axis per step, and as many real crops."
    )
    gradient_penalty: float = loss_weight(
        "Weight of the critic's mean squared gradients (R1 + R2)."
    )
    penalty_every: int = count("Steps between two penalties, each of which counts that many times.")
    commitment_weight: float = loss_weight(
        "Weight of the confidence penalty in the generator's loss: the mean probability that a "
        "voxel is not of its most probable phase. It grows from 0 during the warm-up."
    )
    fluctuations: FluctuationsConfig = setting(
        "Variance of the volume fractions between volumes, matched to what the covariance of the "
        "sections implies. Needs at least 2 `volumes`."
    )
    warm_up: WarmUpConfig = setting(
        "Patches that are matched at first, while the critic knows little."
    )
    learning_rate: float = adam_rate()
    betas: tuple[float, float] = adam_betas()
    critic_learning_rate: float = adam_rate("the critic's ")
    critic_betas: tuple[float, float] = adam_betas()


@dataclass(frozen=True, kw_only=True)
class Gan3dConfig(ObjectiveConfig):
    """Discriminator of volumes beside real crops of a volume."""

    kind: Literal["gan-3d"] = setting("Discriminator of volumes beside real crops, for `gan3d`.")
    volumes: int = count("Generated volumes, and real ones, per step.")
    real_label: float = setting(
        "Target of the discriminator for real volumes; below 1 it becomes less certain.",
        above=0,
        maximum=1,
    )
    learning_rate: float = adam_rate()
    betas: tuple[float, float] = adam_betas()


@dataclass(frozen=True, kw_only=True)
class Gan2dConfig(ObjectiveConfig):
    """Discriminator of images beside real crops."""

    kind: Literal["gan-2d"] = setting("Discriminator of images beside real crops, for `gan2d`.")
    batch: int = count("Images per step.")
    learning_rate: float = adam_rate()
    betas: tuple[float, float] = adam_betas()


def _kl_weight() -> Any:
    return loss_weight(
        "Weight of the KL divergence of the codes from the standard normal distribution."
    )


def _kl_ramp() -> Any:
    return share(
        "KL warm-up: shares of the training at which the weight of the KL divergence begins "
        "to grow "
        "from 0, and at which it reaches `kl_weight`. If it grows too soon, decoders learn to "
        "ignore the codes."
    )


@dataclass(frozen=True, kw_only=True)
class VaeConfig(ObjectiveConfig):
    """Squared error of the pixels, and KL divergence of the latent codes from the prior."""

    kind: Literal["vae"] = setting("Squared error of the pixels, for `vae`.")
    batch: int = count("Images per step.")
    kl_weight: float = _kl_weight()
    kl_ramp: tuple[float, float] = _kl_ramp()
    learning_rate: float = adam_rate()
    betas: tuple[float, float] = adam_betas()


@dataclass(frozen=True, kw_only=True)
class VaeGanConfig(ObjectiveConfig):
    """Similarity in a hidden layer of a discriminator, in place of the pixels."""

    kind: Literal["vae-gan"] = setting(
        "Similarity in a hidden layer of a discriminator, for `vae`."
    )
    batch: int = count("Images per step.")
    feature_layer: int = count(
        "Convolution of the discriminator whose output is compared, counted from 1."
    )
    feature_weight: float = loss_weight(
        "Weight of this similarity in the decoder's loss, beside the discriminator's verdict. It "
        "depends on how many numbers the layer has."
    )
    crossfade: tuple[float, float] = share(
        "Shares of the training at which the discriminator, its layer and its verdict, begins to "
        "replace the error of the pixels, and at which it alone counts."
    )
    kl_weight: float = _kl_weight()
    kl_ramp: tuple[float, float] = _kl_ramp()
    learning_rate: float = adam_rate()
    betas: tuple[float, float] = adam_betas()
    discriminator_learning_rate: float = adam_rate("the discriminator's ")


@dataclass(frozen=True, kw_only=True)
class StatisticsVaeConfig(ObjectiveConfig):
    """Similarity of two-point statistics, in place of the pixels."""

    kind: Literal["statistics-vae"] = setting("Similarity of two-point statistics, for `vae`.")
    batch: int = count("Images per step.")
    indicator_width: float = setting(
        "Width of the bell around 1 that says how much a pixel belongs to a phase.", above=0
    )
    statistics_weight: float = loss_weight(
        "Weight of the norm of the error of the statistics, over lags and pairs of phases."
    )
    crossfade: tuple[float, float] = share(
        "Shares of the training at which the statistics begin to replace the error of the pixels, "
        "and at which they alone count."
    )
    kl_weight: float = _kl_weight()
    kl_ramp: tuple[float, float] = _kl_ramp()
    learning_rate: float = adam_rate()
    betas: tuple[float, float] = adam_betas()


@dataclass(frozen=True, kw_only=True)
class NoiseConfig(ObjectiveConfig):
    """What is behind noise: cross-entropy of phases, or squared error of values."""

    batch: int = count("Crops per step.")
    learning_rate: float = adam_rate()
    betas: tuple[float, float] = adam_betas()


@dataclass(frozen=True, kw_only=True)
class DenoisingConfig(NoiseConfig):
    """What is behind the noise of slices."""

    kind: Literal["denoising"] = setting(
        "Cross-entropy of the phases behind noise, of grey values and colours the squared error, "
        "for `diffusion`."
    )
    crop: int = count(
        "Edge of a crop, which has to show how features lie to each other, so several of them; "
        "less where the sections are smaller.",
        unit="pixels",
    )


@dataclass(frozen=True, kw_only=True)
class ImageDenoisingConfig(NoiseConfig):
    """What is behind the noise of images."""

    kind: Literal["denoising-2d"] = setting("The same for images of `diffusion2d`.")


@dataclass(frozen=True, kw_only=True)
class GaussianFieldConfig(ObjectiveConfig):
    """Two-point correlations of cut Gaussian fields beside those of the material."""

    kind: Literal["gaussian-field"] = setting(
        "Two-point correlations of cut fields beside those of sections, for `gaussian-field`."
    )
    learning_rate: float = adam_rate()
    betas: tuple[float, float] = adam_betas()
