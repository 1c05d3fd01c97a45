"""The configuration: completed from its defaults, checked, and as frozen records.

``config/default.yaml`` owns the values, ``config/schema.yaml`` what is allowed, and this module
how code reaches them. A test keeps the three equal.
"""

import difflib
import types
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from matvir.errors import ConfigError

T = TypeVar("T")
Precision = Literal["auto", "float32", "bfloat16"]
# Kinds of models, each with what it can minimise, and those that make 2D images.
OBJECTIVES = {
    "slicegan": ("wasserstein-gp", "sliced-wasserstein", "relativistic"),
    "gan3d": ("gan-3d",),
    "gan2d": ("gan-2d",),
    "vae": ("vae", "vae-gan", "statistics-vae"),
    "gaussian-field": ("gaussian-field",),
}
IMAGE_KINDS = ("gan2d", "vae")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What to do: names of materials and models, and training seeds."""

    materials: tuple[str, ...]
    models: tuple[str, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class SyntheticConfig:
    """A material grown by :mod:`matvir.synthetic`; shape in voxels."""

    kind: Literal[
        "nmc",
        "fibres",
        "grains",
        "ceramic",
        "separator",
        "precipitates",
        "ebsd",
        "lines",
        "oblique-lines",
    ]
    shape: tuple[int, int, int]
    seed: int


@dataclass(frozen=True, kw_only=True)
class PlaneConfig:
    """One of a material's micrographs, to be turned counterclockwise by ``quarter_turns``."""

    image: str
    quarter_turns: int


@dataclass(frozen=True, kw_only=True)
class SymmetryConfig:
    """Symmetries of the material that training may use.

    Around ``rotation_axis`` an anisotropic material looks alike at every angle.
    """

    mirror: bool
    quarter_turns: bool
    rotation_axis: int | None


@dataclass(frozen=True, kw_only=True)
class CircleConfig:
    """A circular field of view on the last two axes, in pixels of the cropped image."""

    row: float
    column: float
    radius: float


@dataclass(frozen=True, kw_only=True)
class DenoiseConfig:
    """How to remove noise before thresholding."""

    method: Literal["nonlocal-means", "total-variation", "median", "none"]
    strength: float


@dataclass(frozen=True, kw_only=True)
class SegmentationConfig:
    """How grey values become phases; with the method ``none`` images keep their values.

    ``shading_degree`` is the degree of the polynomial of position that describes uneven
    illumination (0 for none; used by ``otsu``), ``edge_correction`` puts blurred phase boundaries
    where the grey value changes fastest, ``min_speck`` is in pixels or voxels.
    """

    method: Literal["otsu", "thresholds", "scribbles", "none"]
    thresholds: tuple[float, ...] | None
    scribbles: str | None
    shading_degree: int
    edge_correction: bool
    min_speck: int


@dataclass(frozen=True, kw_only=True)
class EncodingConfig:
    """Which sections are encoded and which part of them no training sees."""

    held_out: float
    sections_per_axis: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class MaterialConfig:
    """One material: where its image is and how it becomes labels.

    ``planes`` are micrographs of an anisotropic material across the axes 0, 1 and 2, None where
    there is no image across an axis; their volume fractions differ by ``fraction_tolerance`` at
    most. Planes of a ``stack`` are images of their own, not neighbours in a volume.
    """

    image: str | None
    stack: bool
    planes: tuple[PlaneConfig | None, ...] | None
    fraction_tolerance: float
    synthetic: SyntheticConfig | None
    reference: str | None
    type: Literal["grey", "rgb", "labels"]
    phases: tuple[str, ...] | None
    voxel_size_um: float | tuple[float, ...] | None
    isotropic: bool
    symmetry: SymmetryConfig
    crop: tuple[tuple[int, int], ...] | None
    circle: CircleConfig | None
    denoise: DenoiseConfig
    segmentation: SegmentationConfig
    encoding: EncodingConfig


@dataclass(frozen=True, kw_only=True)
class ConvolutionsConfig:
    """A stack of convolutions; one kernel size, stride and padding per layer."""

    channels: tuple[int, ...]
    kernel_sizes: tuple[int, ...]
    strides: tuple[int, ...]
    paddings: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class CriticConfig(ConvolutionsConfig):
    """A stack of convolutions with leaky ReLU; ``negative_slope`` is 0 for plain ReLU."""

    negative_slope: float


@dataclass(frozen=True, kw_only=True)
class SliceganNetworkConfig:
    """Generator and critic of SliceGAN; ``critic`` is None for critic-free objectives.

    Of a ``conditional`` model both are given the volume fractions that volumes are to have.
    """

    latent_channels: int
    noise_channels: int
    conditional: bool
    kernels: Literal["free", "interpolating"]
    generator: ConvolutionsConfig
    critic: CriticConfig | None


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """Strided convolutions that halve an image each, with leaky ReLU and dropout between them."""

    channels: tuple[int, ...]
    spectral_norm: bool
    dropout: float


@dataclass(frozen=True, kw_only=True)
class Gan2dNetworkConfig:
    """Generator and discriminator of 2D images; ``latent_length`` numbers make an image."""

    image_size: int
    latent_length: int
    normalisation: Literal["batch", "instance"]
    channels: tuple[int, ...]
    discriminator: DiscriminatorConfig


@dataclass(frozen=True, kw_only=True)
class VaeNetworkConfig:
    """Encoder and decoder of 2D images; ``discriminator`` is None where none is trained."""

    image_size: int
    latent_length: int
    channels: tuple[int, ...]
    discriminator: DiscriminatorConfig | None


@dataclass(frozen=True, kw_only=True)
class GaussianFieldNetworkConfig:
    """Gaussian random fields; their kernels end at ``radius`` voxels."""

    radius: int


NetworkConfig = (
    SliceganNetworkConfig | Gan2dNetworkConfig | VaeNetworkConfig | GaussianFieldNetworkConfig
)

# What describes the network of each kind of model.
NETWORKS: dict[str, type[NetworkConfig]] = {
    "slicegan": SliceganNetworkConfig,
    "gan3d": SliceganNetworkConfig,
    "gan2d": Gan2dNetworkConfig,
    "vae": VaeNetworkConfig,
    "gaussian-field": GaussianFieldNetworkConfig,
}


@dataclass(frozen=True, kw_only=True)
class WassersteinGPConfig:
    """Wasserstein critic with gradient penalty (Algorithm 1 of the SliceGAN paper)."""

    kind: Literal["wasserstein-gp"]
    critic_iterations: int
    gradient_penalty: float
    critic_volumes: int
    generator_volumes: int
    learning_rate: float
    betas: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class PatchesConfig:
    """Patches of ``size`` pixels at each level of an image pyramid, ``number`` at the finest."""

    size: int
    number: int
    levels: int
    directions: int


@dataclass(frozen=True, kw_only=True)
class SlicedWassersteinConfig:
    """Sliced Wasserstein distance between patches of slices and of real crops."""

    kind: Literal["sliced-wasserstein"]
    volumes: int
    slices_per_axis: int
    real_crops: int
    real_crop_size: int
    patches: PatchesConfig
    learning_rate: float
    betas: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class WarmUpConfig:
    """Patches that are matched with a ``weight`` that falls to 0 at the share ``until``."""

    until: float
    weight: float
    patches: PatchesConfig


@dataclass(frozen=True, kw_only=True)
class FluctuationsConfig:
    """Match of how fractions vary, with a ``weight`` that grows from 0 at the share ``start``."""

    weight: float
    start: float


@dataclass(frozen=True, kw_only=True)
class RelativisticConfig:
    """Relativistic critic of labelled slices, with two-point correlations beside it."""

    kind: Literal["relativistic"]
    volumes: int
    slices_per_axis: int
    gradient_penalty: float
    penalty_every: int
    commitment_weight: float
    fluctuations: FluctuationsConfig
    warm_up: WarmUpConfig
    learning_rate: float
    betas: tuple[float, float]
    critic_learning_rate: float
    critic_betas: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Gan3dConfig:
    """Discriminator of volumes beside real crops of a volume."""

    kind: Literal["gan-3d"]
    volumes: int
    real_label: float
    learning_rate: float
    betas: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Gan2dConfig:
    """Discriminator of images beside real crops."""

    kind: Literal["gan-2d"]
    batch: int
    learning_rate: float
    betas: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class VaeConfig:
    """Squared error of the pixels, and divergence of the latent codes from the prior."""

    kind: Literal["vae"]
    batch: int
    kl_weight: float
    kl_ramp: tuple[float, float]
    learning_rate: float
    betas: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class VaeGanConfig:
    """Likeness as a discriminator's hidden layer sees it, in place of the pixels."""

    kind: Literal["vae-gan"]
    batch: int
    feature_layer: int
    feature_weight: float
    crossfade: tuple[float, float]
    kl_weight: float
    kl_ramp: tuple[float, float]
    learning_rate: float
    betas: tuple[float, float]
    discriminator_learning_rate: float


@dataclass(frozen=True, kw_only=True)
class StatisticsVaeConfig:
    """Likeness of two-point statistics, in place of the pixels."""

    kind: Literal["statistics-vae"]
    batch: int
    indicator_width: float
    statistics_weight: float
    crossfade: tuple[float, float]
    kl_weight: float
    kl_ramp: tuple[float, float]
    learning_rate: float
    betas: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class GaussianFieldConfig:
    """Two-point correlations of cut Gaussian fields beside those of the material."""

    kind: Literal["gaussian-field"]
    learning_rate: float
    betas: tuple[float, float]


ObjectiveConfig = (
    WassersteinGPConfig
    | SlicedWassersteinConfig
    | RelativisticConfig
    | Gan3dConfig
    | Gan2dConfig
    | VaeConfig
    | VaeGanConfig
    | StatisticsVaeConfig
    | GaussianFieldConfig
)


@dataclass(frozen=True, kw_only=True)
class DensityControlConfig:
    """Volume fractions as a part of the loss, with a ``weight``.

    Either ``volume_fractions`` by phase, or a ``range`` around those of the material, of which a
    conditional generator is given one with each volume.
    """

    weight: float
    volume_fractions: dict[str, float] | None
    range: float | None


@dataclass(frozen=True, kw_only=True)
class DecayConfig:
    """Fall of learning rates from the share ``start`` of the steps to ``final`` of their value."""

    start: float
    final: float


@dataclass(frozen=True, kw_only=True)
class SelectionConfig:
    """Validations during a training, of which the best decides what is kept.

    From the share ``start`` of the steps on, ``volumes`` are measured ``every`` so many steps with
    correlations up to ``reach`` voxels; after ``patience`` validations without a better one the
    training stops.
    """

    start: float
    every: int
    volumes: int
    reach: int
    patience: int


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Length of a training and what it minimises; one step is one update of the generator.

    Exactly one of ``steps`` and ``budget``, such as ``15min``, is given.
    """

    steps: int | None
    budget: str | None
    latent_size: int
    precision: Precision
    ema_decay: float
    match_fractions: bool
    density_control: DensityControlConfig | None
    warm_start: str | None
    decay: DecayConfig
    selection: SelectionConfig | None
    log_every: int
    checkpoint_every: int
    objective: ObjectiveConfig


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One model: its kind, network and training.

    A ``slicegan`` makes volumes and learns from sections, a ``gan3d`` from volumes. A ``gan2d`` and
    a ``vae`` make images. A ``gaussian-field`` makes volumes and is fitted to sections.
    """

    kind: Literal["slicegan", "gan3d", "gan2d", "vae", "gaussian-field"]
    network: NetworkConfig
    training: TrainingConfig


@dataclass(frozen=True, kw_only=True)
class GenerationConfig:
    """How many volumes to generate and how large; exactly one of the two sizes is given.

    Along the axes of ``periodic`` they continue in themselves.
    """

    n_volumes: int
    size_voxels: tuple[int, int, int] | None
    size_um: tuple[float, float, float] | None
    periodic: tuple[int, ...]
    precision: Precision


@dataclass(frozen=True, kw_only=True)
class MeasureConfig:
    """What to measure on how many samples of each kind."""

    metrics: tuple[str, ...]
    max_samples: int
    parts: int


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """Resampling behind the intervals and tests of the comparison."""

    bootstrap_samples: int
    permutations: int
    confidence: float
    seed: int


# By their numbers of volumes: what several processes can share of a step.
SHARED_OBJECTIVES = {
    "wasserstein-gp": ("critic_volumes", "generator_volumes"),
    "relativistic": ("volumes",),
}


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How models are trained, whichever they are."""

    processes: int


@dataclass(frozen=True, kw_only=True)
class VerifyConfig:
    """What results are compared with."""

    published: str | None
    tolerance: float


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole configuration."""

    run: RunConfig
    materials: dict[str, MaterialConfig]
    material_defaults: MaterialConfig
    models: dict[str, ModelConfig]
    train: TrainConfig
    generation: GenerationConfig
    measure: MeasureConfig
    compare: CompareConfig
    verify: VerifyConfig


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
    """Complete every material from ``material_defaults`` and every model from its ``based_on``.

    Raises
    ------
    ConfigError
        If ``based_on`` names a model that does not exist or is its own ancestor.
    """
    for section in ("materials", "material_defaults", "models"):
        if not isinstance(config.get(section), Mapping):
            raise ConfigError(
                f"{section}: expected a mapping of names or keys, got {config.get(section)!r}."
            )
    resolved = deepcopy(dict(config))
    defaults = resolved["material_defaults"]
    for name, material in resolved["materials"].items():
        if not isinstance(material, Mapping):
            raise ConfigError(
                f"materials.{name}: expected a mapping with 'image', 'planes' or 'synthetic', "
                f"got {material!r}."
            )
        resolved["materials"][name] = merge(defaults, material)
        _complete_planes(resolved["materials"][name])
    models = config["models"]
    resolved["models"] = {name: _resolve_model(name, models, ()) for name in models}
    return resolved


def _complete_planes(material: dict[str, Any]) -> None:
    """Write each plane that is given by its path, or without quarter turns, in full."""
    planes = material.get("planes")
    if not isinstance(planes, list | tuple):
        return
    named = [{"image": plane} if isinstance(plane, str) else plane for plane in planes]
    material["planes"] = [
        {"quarter_turns": 0, **plane} if isinstance(plane, Mapping) else plane for plane in named
    ]


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

    Lists become tuples; nested mappings become the nested dataclasses, chosen by their ``kind``,
    or else by their keys, where several are possible.

    Raises
    ------
    ConfigError
        If a key is unknown or missing, or no dataclass fits.
    """
    hints = get_type_hints(cls)
    unknown, missing = sorted(values.keys() - hints.keys()), sorted(hints.keys() - values.keys())
    if unknown or missing:
        raise ConfigError(
            f"{cls.__name__}: unknown keys {unknown}, missing keys {missing}; "
            f"expected exactly {sorted(hints)}."
        )
    return cls(**{name: _convert(hint, values[name]) for name, hint in hints.items()})


def _convert(hint: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        for option in (hint, *get_args(hint)):
            if get_origin(option) is dict:
                return {key: _convert(get_args(option)[1], item) for key, item in value.items()}
        return from_dict(_dataclass_for(hint, value), value)
    if isinstance(value, list | tuple):
        return tuple(_convert(_item_hint(hint), item) for item in value)
    return value


def _item_hint(hint: Any) -> Any:
    """Return what the items of ``tuple[item, ...]``, or of that or None, are."""
    for option in (hint, *get_args(hint)):
        if get_origin(option) is tuple:
            return get_args(option)[0]
    return None


def _dataclass_for(hint: Any, value: Mapping[str, Any]) -> type:
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    candidates = [option for option in options if is_dataclass(option)]
    if len(candidates) == 1:
        return candidates[0]  # type: ignore[return-value]
    for candidate in candidates:
        hints = get_type_hints(candidate)
        same_kind = "kind" in hints and value.get("kind") in get_args(hints["kind"])
        if same_kind or ("kind" not in hints and hints.keys() == value.keys()):
            return candidate  # type: ignore[return-value]
    names = [getattr(candidate, "__name__", str(candidate)) for candidate in candidates]
    if "kind" in value:
        raise ConfigError(f"kind: {value['kind']!r} fits none of {names}.")
    raise ConfigError(f"the keys {sorted(value)} are those of none of {names}.")


def to_dict(record: Any) -> Any:
    """Return a configuration record as plain mappings and lists, the inverse of `from_dict`."""
    if is_dataclass(record):
        return {field.name: to_dict(getattr(record, field.name)) for field in fields(record)}
    if isinstance(record, dict):
        return {key: to_dict(value) for key, value in record.items()}
    if isinstance(record, tuple):
        return [to_dict(item) for item in record]
    return record
