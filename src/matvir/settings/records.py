"""The configuration as frozen records: what each setting means and what it may be.

``config/default.yaml`` owns the values. `matvir.settings.schema` makes the JSON schema of these
records, and docs/make_configuration.py their page. Those of models are in `matvir.settings.models`.
"""

from dataclasses import dataclass
from typing import Literal

from matvir.files import TARGET_NAMES
from matvir.metrics import METRICS, Faces
from matvir.settings.fields import FILE_NAME, NAME, Precision, count, setting
from matvir.settings.models import ModelConfig


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What to do: names of materials and models, and training seeds."""

    materials: tuple[str, ...] = setting(
        "Names under `materials` to process.", least=1, unique=True
    )
    models: tuple[str, ...] = setting(
        "Names under `models` to train on each of them.", least=1, unique=True
    )
    seeds: tuple[int, ...] = setting(
        "Training seeds; one generator is trained for each.", minimum=0, least=1, unique=True
    )


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
    ] = setting(
        "`nmc` is a battery cathode (pore, binder, nmc), `grains` a polycrystal (boundary, grain), "
        "`ceramic` a porous solid (pore, solid), all isotropic; `fibres` lie along axis 0 (matrix, "
        "fibre), `separator` is a film whose normal is axis 0 (pore, polymer, ceramic), "
        "`precipitates` are particles on grain boundaries perpendicular to axis 2 (particle, "
        "grain, boundary), all anisotropic; `ebsd` is a map of colours; `lines` are a stack of "
        "images of one to three horizontal or vertical lines each, `oblique-lines` of lines at 45 "
        "degrees too (ground, line)."
    )
    shape: tuple[int, int, int] = setting(
        "Edges of the grown volume (plane, row, column); of a stack its number of images and their "
        "edges.",
        minimum=32,
        unit="voxels",
    )
    seed: int = setting("Seed of the growth and of the rendered micrographs.", minimum=0)


@dataclass(frozen=True, kw_only=True)
class RawConfig:
    """Header of a file of raw numbers, which has none."""

    shape: tuple[int, ...] = setting(
        "Numbers along each axis (plane, row, column), the last one the fastest.",
        minimum=1,
        least=2,
        most=3,
    )
    dtype: Literal["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"] = (
        setting("Type of the numbers.")
    )
    byte_order: Literal["little", "big"] = setting("Order of the bytes of a number.")
    offset: int = setting("Bytes before the first number.", minimum=0, unit="bytes")


@dataclass(frozen=True, kw_only=True)
class PlaneConfig:
    """One of a material's micrographs, to be turned counterclockwise by ``quarter_turns``."""

    image: str = setting("Path of the micrograph, as in `image`.", least=1)
    quarter_turns: int = setting(
        "By how many quarter turns to turn it counterclockwise, so that rows and columns are in "
        "order. A path alone means none.",
        minimum=0,
        maximum=3,
    )


@dataclass(frozen=True, kw_only=True)
class SymmetryConfig:
    """Symmetries of the material that training may use."""

    mirror: bool = setting("Whether a mirrored section is as likely as the section itself.")
    quarter_turns: bool = setting(
        "Whether a section turned by 90 degrees is as likely as the section itself."
    )
    rotation_axis: int | None = setting(
        "Axis (0 plane, 1 row, 2 column) around which an anisotropic material looks alike at every "
        "angle, as with fibres parallel to it or films perpendicular to it. Slices that contain "
        "it, at 45 degrees to the other axes, are then compared with planes that contain it too; "
        "null for none.",
        minimum=0,
        maximum=2,
    )


@dataclass(frozen=True, kw_only=True)
class CircleConfig:
    """A circular field of view on the last two axes, in pixels of the cropped image."""

    row: float = setting("Row of the centre.", unit="pixels")
    column: float = setting("Column of the centre.", unit="pixels")
    radius: float = setting("Radius; what lies outside is not material.", above=0, unit="pixels")


@dataclass(frozen=True, kw_only=True)
class DenoiseConfig:
    """How to remove noise before thresholding."""

    method: Literal["nonlocal-means", "total-variation", "median", "none"] = setting(
        "Filter of the image."
    )
    strength: float = setting(
        "Strength relative to the noise that is estimated from the image.", above=0
    )


@dataclass(frozen=True, kw_only=True)
class SegmentationConfig:
    """How grey values become phases; with the method ``none`` images keep their values."""

    method: Literal["otsu", "thresholds", "scribbles", "none"] = setting(
        "`otsu` finds the thresholds, `thresholds` takes yours, `scribbles` trains a pixel "
        "classifier on a few pixels you labelled. `none` makes no phases: models learn the grey "
        "values or colours themselves."
    )
    thresholds: tuple[float, ...] | None = setting(
        "Ascending grey values between the phases, one fewer than phases; for `thresholds`."
    )
    scribbles: str | None = setting(
        "Path of an image as large as the micrograph, 0 where unlabelled; for `scribbles`.", least=1
    )
    shading_degree: int = setting(
        "Degree of the polynomial of position that uneven illumination is fitted with, for `otsu`; "
        "0 for none.",
        minimum=0,
        maximum=4,
    )
    edge_correction: bool = setting(
        "Whether blurred boundaries are put where the grey value changes fastest, so that the blur "
        "between a dark and a bright phase is not taken for a phase between them."
    )
    blur: float | None = setting(
        "Standard deviation of the microscope's blur, where phases are about as thin as it: labels "
        "are then chosen so that what they would look like through the microscope is the image, "
        "with as little interface as that needs. It is 0.4 of the width in which an edge rises "
        "from 10 to 90 %; two thirds of that where layers are a single pixel thin. For `otsu` and "
        "`thresholds`. Null where phases are thicker.",
        above=0,
        maximum=3,
        unit="pixels",
    )
    min_speck: int = setting(
        "Connected regions smaller than this take the phase around them; 0 keeps all.",
        minimum=0,
        unit="pixels or voxels",
    )


@dataclass(frozen=True, kw_only=True)
class EncodingConfig:
    """Which sections are encoded and which part of them no training sees."""

    held_out: float = setting(
        "Share of the image, at one end, that no training sees.", minimum=0, maximum=0.9
    )
    sections_per_axis: int = count(
        "Number of sections taken from a volume along each axis; an image is one section, and each "
        "of a stack."
    )
    seed: int = setting("Seed of the split and of the choice of sections.", minimum=0)


@dataclass(frozen=True, kw_only=True)
class DatasetConfig:
    """A file that is fetched by name."""

    url: str = setting("Address of the file, of HTTP or HTTPS.", pattern="^https?://")
    sha256: str = setting(
        "SHA-256 of the file, 64 hexadecimal digits in lower case, as `sha256sum FILE` says it.",
        pattern="^[0-9a-f]{64}$",
    )
    file: str = setting(
        "Name to keep the file under, of letters, digits and `. _ + -`, with the suffix of its "
        "format; the last part of the address if none is given.",
        pattern=FILE_NAME,
    )
    licence: str = setting("Licence of the data.", least=1)
    citation: str = setting("What to cite where the data are used.", least=1)
    description: str | None = setting("What the data are, in a line.")
    type: Literal["grey", "rgb", "labels"] | None = setting(
        "As that of a material that does not state it; null says nothing."
    )
    phases: tuple[str, ...] | None = setting(
        "As those of a material that does not state them, as a list; null says nothing.",
        pattern=NAME,
        least=2,
        most=16,
        unique=True,
    )
    voxel_size_um: float | tuple[float, ...] | None = setting(
        "As that of a material that does not state it; null says nothing.",
        above=0,
        least=2,
        most=3,
        unit="um",
    )


@dataclass(frozen=True, kw_only=True)
class MaterialConfig:
    """One material: where its image is and how it becomes labels."""

    image: str | None = setting(
        "Path of the micrograph or volume (docs/segment.md lists the formats; HDF5 as "
        "`file.h5:/dataset`), from the folder that snakemake runs in; null for a synthetic "
        "material, or one with `planes` or a `dataset`.",
        least=1,
    )
    dataset: str | None = setting(
        "Name under `datasets`: its file is fetched and is the `image`. What the entry states, a "
        "material may state otherwise. Null for a material with files of your own.",
        least=1,
    )
    raw: RawConfig | None = setting(
        "What the numbers of an `image` without a header are (`.raw`, `.bin`, `.dat`, `.vol`): "
        "`shape` and `dtype`, and `byte_order` (little) and `offset` (0) if they differ; null for "
        "others."
    )
    stack: bool = setting(
        "Whether the planes of a 3D `image` perpendicular to axis 0 are separate micrographs and "
        "not a volume. Grey ones are segmented pixel by pixel, so `denoise`, `shading_degree`, "
        "`edge_correction`, `min_speck` and scribbles have to be off."
    )
    planes: tuple[PlaneConfig | None, ...] | None = setting(
        "Micrographs of an anisotropic material perpendicular to axis 0, 1 and 2, in this order; "
        "null for an axis without one (at most one of the three). Rows and columns of each run "
        "along the other two axes, in their order. Axes whose planes look alike may share one "
        "image. Null for a material with one `image`."
    )
    fraction_tolerance: float = setting(
        "Largest difference of a phase's volume fraction between two of the `planes`; the material "
        "is refused beyond it.",
        minimum=0,
        maximum=1,
    )
    synthetic: SyntheticConfig | None = setting(
        "Grows the material with the project's own code instead of reading an image."
    )
    reference: str | None = setting(
        "Path of a label volume of the same material (values sorted as the phases), used to judge "
        "generated volumes only; null if there is none. A 3D `image` is its own reference.",
        least=1,
    )
    type: Literal["grey", "rgb", "labels"] = setting(
        "What the pixels of `image` are: grey values, red-green-blue, or labels already."
    )
    channel: int | Literal["planes"] | None = setting(
        "Which channel of an image that has several (detectors, colours) to use, from 0; `planes` "
        "takes channels for the planes of a volume, which some programs store so. Null for an "
        "image with one.",
        minimum=0,
    )
    phases: tuple[str, ...] | None = setting(
        "Names of the phases, from dark to bright (for labels and scribbles: by ascending value; "
        "for labels null names them phase-0, phase-1, ...). Of labels also a mapping from names to "
        "numbers or colours: `{pore: 0, solid: 255}`, `{pore: '#0000ff', solid: '#ff0000'}`.",
        pattern=NAME,
        least=2,
        most=16,
        unique=True,
    )
    phase_values: tuple[float | str, ...] | None = setting(
        "Number or colour of each phase, which a mapping under `phases` writes here; null takes "
        "labels by ascending value.",
        pattern="^#[0-9a-fA-F]{6}$",
        least=2,
        most=16,
        unique=True,
    )
    voxel_size_um: float | tuple[float, ...] | None = setting(
        "Edge of a pixel or voxel, one number or one per axis; null takes it from the file, and if "
        "the file has none, lengths are in voxels.",
        above=0,
        least=2,
        most=3,
        unit="um",
    )
    isotropic: bool = setting(
        "Whether planes of all three directions look alike, so that one micrograph is enough."
    )
    symmetry: SymmetryConfig = setting(
        "Symmetries of the material that multiply the training crops."
    )
    crop: tuple[tuple[int, int], ...] | Literal["auto"] | None = setting(
        "First and last-plus-one pixel of each axis to keep (cuts data bars off); `auto` cuts off "
        "borders and data bars of one grey value where they are found; null keeps all, or what the "
        "header of the microscope states as scanned.",
        minimum=0,
        least=2,
        most=3,
        unit="pixels",
    )
    circle: CircleConfig | Literal["auto"] | None = setting(
        "Circular field of view on the last two axes, in pixels of the cropped image; `auto` finds "
        "one whose outside has one grey value; null for none."
    )
    denoise: DenoiseConfig = setting(
        "Removal of noise before thresholds or a classifier are applied."
    )
    segmentation: SegmentationConfig = setting(
        "How grey values become phases; not used for labels."
    )
    encoding: EncodingConfig = setting("The one-hot sections that models train on.")


@dataclass(frozen=True, kw_only=True)
class ExecutionConfig:
    """How models are trained, whichever they are."""

    processes: int = count(
        "Processes of one node that share each training, with a GPU each where there are any. They "
        "make the same generator up to rounding. Of the objectives `wasserstein-gp` and "
        "`relativistic`, whose numbers of volumes must be multiples of it; others train in one."
    )


@dataclass(frozen=True, kw_only=True)
class GenerationConfig:
    """How many volumes to generate and how large; exactly one of the two sizes is given."""

    n_volumes: int = count(
        "Number of volumes per generator. Models of 2D images make as many images as these have "
        "middle slices to compare with."
    )
    size_voxels: tuple[int, int, int] | None = setting(
        "Edges of a volume (plane, row, column); null if `size_um` is given.",
        minimum=8,
        unit="voxels",
    )
    size_um: tuple[float, float, float] | None = setting(
        "Edges of a volume (plane, row, column), rounded to whole voxels; null if `size_voxels` is "
        "given.",
        above=0,
        unit="um",
    )
    periodic: tuple[int, ...] = setting(
        "Axes (0 plane, 1 row, 2 column) along which a volume is periodic: its last plane is "
        "followed by its first. The edge along them is a multiple of the network's stride (16 "
        "voxels for `slicegan-fast` and `slicegan-conditional`, 32 for the other slicegan models, "
        "any number for `gaussian-field`).",
        minimum=0,
        maximum=2,
        unique=True,
    )
    formats: tuple[str, ...] = setting(
        "Formats of other programs that the first volume of each generator is written in, too: "
        "docs/generate.md lists them.",
        choices=TARGET_NAMES,
        unique=True,
    )
    precision: Precision = setting(
        "Numbers that volumes are computed with. float32 gives the same volume on every machine, "
        "up to ties; bfloat16 is up to several times faster where the processor (AMX, or AVX-512 "
        "of AMD) or the GPU is made for it and moves some labels at interfaces; auto takes it "
        "there. A `gaussian-field` is always float32."
    )


@dataclass(frozen=True, kw_only=True)
class MeasureConfig:
    """What to measure on how many samples of each kind."""

    metrics: tuple[str, ...] = setting(
        "Names of the metrics; see docs/measure.md.", choices=tuple(METRICS), least=1, unique=True
    )
    connected_to: dict[str, Faces] = setting(
        "For `active-triple-phase-boundary`: by phase, which faces of the sample normal to the "
        "axis it has to be connected to, `both`, the `first` (index 0) or the `last`; `none` "
        "leaves the phase out. Phases that are not named have to reach both. Example: "
        "`{pore: first, nickel: first, zirconia: last}`."
    )
    conductivities: dict[str, float] = setting(
        "For `relative-conductivity`: by phase, electrical or thermal conductivity in any unit. "
        "Phases that are not named do not conduct. Example: `{nmc: 0.1, binder: 300}`.",
        minimum=0,
    )
    youngs_moduli: dict[str, float] = setting(
        "For `relative-stiffness`: by phase, Young's modulus in any unit. Phases that are not "
        "named are voids. Example: `{nmc: 140, binder: 2}`.",
        minimum=0,
    )
    poissons_ratios: dict[str, float] = setting(
        "For `relative-stiffness`: by phase, Poisson's ratio; 0.3 of phases that are not named. "
        "Example: `{nmc: 0.25}`.",
        minimum=0,
        maximum=0.49,
    )
    max_samples: int = setting(
        "Largest number of real sub-volumes, and of real crops, that are measured.", minimum=2
    )
    parts: int = count(
        "Number of jobs that share the samples of each run, and of each real material. One job "
        "measures as many samples at a time as it has threads, so more of them pay on a cluster "
        "alone. The numbers are the same."
    )


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """Resampling behind the intervals and tests of the comparison."""

    bootstrap_samples: int = setting("Number of bootstrap resamples per interval.", minimum=100)
    permutations: int = setting("Number of permutations per test.", minimum=100)
    confidence: float = setting("Level of the intervals, between 0 and 1.", above=0, below=1)
    seed: int = setting("Seed of the resampling.", minimum=0)


@dataclass(frozen=True, kw_only=True)
class ElectrodeConfig:
    """Which phases of a porous electrode are what, for the parameters of battery models."""

    electrolyte: str = setting("Phase that holds the electrolyte, as `pore`.", least=1)
    active: str = setting("Phase that stores lithium, as `nmc`.", least=1)
    through: int = setting(
        "Axis through the electrode, from collector to separator; of no matter for an isotropic "
        "material.",
        minimum=0,
        maximum=2,
    )


@dataclass(frozen=True, kw_only=True)
class VerifyConfig:
    """What results are compared with."""

    published: str | None = setting(
        "Folder of a published report, with its `record.json` and `metrics.csv`; null to check "
        "only that the files are those that the run recorded.",
        least=1,
    )
    tolerance: float = setting(
        "Difference of the means of a measurement, relative to the published one, that is allowed "
        "besides four standard errors. 0 asks for no more than those.",
        minimum=0,
    )


@dataclass(frozen=True, kw_only=True)
class FiguresConfig:
    """How wide figures for papers are, as the journal asks for."""

    one_column_mm: float = setting("Width of a figure of one column.", minimum=50, unit="mm")
    two_columns_mm: float = setting("Width of a figure of two columns.", minimum=100, unit="mm")


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole configuration."""

    run: RunConfig = setting("What to do, by the names of what exists.")
    datasets: dict[str, DatasetConfig] = setting(
        "What can be fetched by name: one entry per file.", pattern=NAME
    )
    materials: dict[str, MaterialConfig] = setting(
        "What exists: one entry per material. Each is completed from `material_defaults`, so an "
        "entry needs no more than an `image` and the names of its `phases`.",
        pattern=NAME,
    )
    material_defaults: MaterialConfig = setting(
        "Settings of every material that does not state its own."
    )
    models: dict[str, ModelConfig] = setting(
        "What exists: one entry per model. `based_on` names another model whose settings are taken "
        "where this one states none.",
        pattern=NAME,
    )
    train: ExecutionConfig = setting("How models are trained; what they learn is under `models`.")
    generation: GenerationConfig = setting("How many volumes each generator makes and how large.")
    measure: MeasureConfig = setting("What is measured, on real and generated samples alike.")
    compare: CompareConfig = setting("Resampling behind the intervals and tests of the comparison.")
    electrode: ElectrodeConfig | None = setting(
        "Writes `compare/cell_parameters.json` of every material: what battery models ask of a "
        "microstructure. Null for materials that are no electrodes."
    )
    figures: FiguresConfig = setting("What `snakemake figures` draws for papers.")
    verify: VerifyConfig = setting("What `snakemake verify` compares the results with.")
