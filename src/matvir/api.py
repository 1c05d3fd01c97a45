"""MatVir from Python: train on an image, sample a generator, measure, compare.

All of it is what the workflow does, for arrays in memory; ``import matvir`` has these names.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray

from matvir.device import device_name, pick_device, use_threads
from matvir.errors import ConfigError, InputError
from matvir.families import FAMILIES, load
from matvir.generation.sampling import prepared, sample_labels, sample_seeds
from matvir.models.images import ImageModel
from matvir.settings.build import did_you_mean, from_dict, merge, resolve
from matvir.settings.records import Config
from matvir.settings.sizes import Wanted, edge_of_images
from matvir.storage import provenance
from matvir.storage.images import MaterialImage, Specimen, in_plane_axes
from matvir.training import checkpoint
from matvir.training.checkpoint import TrainedGenerator
from matvir.workflow import default_settings

Labels = NDArray[np.uint8]
DEFAULT_EDGE = 64
# More than any machine has: arrays in memory are measured with as many workers as are asked for.
MEMORY_MB = 1e9
MATERIAL = "material"


class Generator:
    """A trained generator: what makes virtual material.

    Parameters
    ----------
    trained : TrainedGenerator
        What `matvir.load_generator` read, or `matvir.train` made.

    Attributes
    ----------
    phases : tuple of str
        Name of each phase; its position is its label.
    voxel_size_um : tuple of float or None
        Edge of a voxel along each axis in micrometres.
    provenance : dict
        Where it comes from.
    """

    def __init__(self, trained: TrainedGenerator) -> None:
        self.trained = trained
        self.phases = trained.phases
        self.voxel_size_um = trained.voxel_size_um
        self.provenance = trained.provenance

    def __repr__(self) -> str:
        """Return what it makes."""
        material = self.provenance.get("material", "a material")
        return f"<{self.trained.kind} of {material}: {', '.join(self.phases)}>"

    def sample(
        self,
        size: Sequence[int] | None = None,
        *,
        seed: int = 0,
        periodic: Sequence[int] = (),
    ) -> MaterialImage:
        """Make a volume, or an image if that is what the generator makes.

        Parameters
        ----------
        size : sequence of int, optional
            Edges in voxels (plane, row, column), or of a square image (row, column); 64 along each
            axis, or what a model of images makes, if it is not given.
        seed : int
            Determines it: the same seed gives the same voxels on the same machine.
        periodic : sequence of int
            Axes along which a volume is periodic.

        Returns
        -------
        MaterialImage
            ``voxels`` of shape (D, H, W) or (H, W), uint8, with ``phases`` and ``voxel_size_um``.

        Raises
        ------
        ConfigError
            If the generator cannot make this size.
        """
        (number,) = sample_seeds(seed, 1)
        if isinstance(self.trained.network, ImageModel):
            return self._image(self.trained.network, size, number)
        edges = tuple(size or (DEFAULT_EDGE,) * 3)
        if len(edges) != 3:
            raise ConfigError(f"size: expected three edges of a volume in voxels, got {edges}.")
        wanted = Wanted(
            size=edges, periodic=tuple(periodic), axis=None, name=f"a {self.trained.kind}"
        )
        load(FAMILIES[self.trained.kind].sizes)(self.trained.config, wanted)
        network = prepared(self.trained.network, pick_device())
        return self._made(sample_labels(network, edges, number, periodic=periodic))

    def _image(self, network: ImageModel, size: Sequence[int] | None, seed: int) -> MaterialImage:
        axis = self.provenance.get("image_axis")
        edges = tuple(size or (network.image_size,) * 2)
        if len(edges) != 2 or edges[0] != edges[1]:
            raise ConfigError(f"size: expected the two equal edges of an image, got {edges}.")
        edge = edge_of_images((edges[0],) * 3, axis, network.output_size(1), (), self.trained.kind)
        sampler = load(FAMILIES[self.trained.kind].sampler)
        (made,) = sampler(network, edge, [seed], pick_device())
        voxel_size = self.voxel_size_um
        if voxel_size is not None:
            voxel_size = tuple(voxel_size[other] for other in in_plane_axes(axis or 0))
        return self._made(made.voxels, voxel_size)

    def _made(
        self, voxels: Labels, voxel_size_um: tuple[float, ...] | None = None
    ) -> MaterialImage:
        return MaterialImage(
            voxels=voxels,
            phases=self.phases,
            voxel_size_um=voxel_size_um or self.voxel_size_um,
            kind=self.trained.network.kind,
            provenance=dict(self.provenance),
        )

    def save(self, path: str | Path) -> None:
        """Write the generator to a file that `load_generator` and `matvir generate` read."""
        checkpoint.save_generator(Path(path), self.trained)


def load_generator(path: str | Path) -> Generator:
    """Read a generator that a training wrote.

    Parameters
    ----------
    path : path
        ``generator.pt``; nothing in it can run code.

    Returns
    -------
    Generator
        Ready to sample.

    Raises
    ------
    InputError
        If the file is none.

    Examples
    --------
    >>> generator = matvir.load_generator("generator.pt")  # doctest: +SKIP
    >>> volume = generator.sample((96, 64, 64), seed=1)  # doctest: +SKIP
    """
    return Generator(checkpoint.load_generator(Path(path)))


def train(
    image: ArrayLike | MaterialImage,
    *,
    phases: Sequence[str] | None = None,
    voxel_size_um: float | Sequence[float] | None = None,
    model: str = "diffusion",
    minutes: float | None = None,
    settings: dict[str, Any] | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> Generator:
    """Train a generator on a segmented image.

    Parameters
    ----------
    image : array of shape (H, W) or (D, H, W), uint8, or MaterialImage
        Label of each pixel, 0 .. n_phases - 1; of a volume some sections are used.
    phases : sequence of str, optional
        Name of each phase; ``phase-0``, ``phase-1``, ... if not given.
    voxel_size_um : float or sequence of float, optional
        Edge of a pixel in micrometres, the same along all axes or one for each.
    model : str
        A model of ``config/default.yaml``.
    minutes : float, optional
        How long to train, in place of the model's own length.
    settings : dict, optional
        What differs from the model's settings, in the form of ``config/default.yaml``.
    seed : int
        Determines the training.
    threads : int, optional
        Number of threads that torch computes with from now on; as many as before if not given.

    Returns
    -------
    Generator
        Trained.

    Raises
    ------
    ConfigError
        If there is no such model, or its settings cannot be used.
    InputError
        If the labels have gaps, or the image is too small for the crops of the training.

    Examples
    --------
    >>> labels = (np.random.default_rng(0).random((96, 96)) < 0.4).astype(np.uint8)
    >>> short = {"training": {"steps": 20}}
    >>> generator = matvir.train(labels, phases=["solid", "pore"], model="gaussian-field",
    ...                          settings=short)
    >>> generator.sample((24, 32, 40), seed=1).voxels.shape
    (24, 32, 40)
    """
    from matvir.micrograph.encoding import encode, read_training
    from matvir.training.fit import fit, trained_generator

    material = _material(image, phases, voxel_size_um)
    config = _config(material, model, minutes, settings)
    chosen = config.models[model]
    if threads is not None:
        use_threads(threads)
    family = FAMILIES[chosen.kind]
    device = pick_device()
    with tempfile.TemporaryDirectory() as folder:
        encoded = Path(folder) / "training.h5"
        encode(Specimen.of(material), config.materials[MATERIAL], encoded)
        data = read_training(encoded, with_volume=family.learns_from == "volumes")
        state = Path(folder) / "state.pt"
        trainer = fit(
            chosen, data, seed=seed, device=device, state=state, title=f"training {model}"
        )
    origin = {"material": MATERIAL, "model": model, "seed": seed, **provenance.package()}
    origin |= {"hardware": provenance.hardware(device_name(device), torch.get_num_threads())}
    return Generator(trained_generator(trainer, chosen, data, origin))


def measure(
    labels: ArrayLike | MaterialImage,
    *,
    phases: Sequence[str] | None = None,
    voxel_size_um: float | Sequence[float] | None = None,
    metrics: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Measure an image or a volume of labels.

    Parameters
    ----------
    labels : array of shape (H, W) or (D, H, W), uint8, or MaterialImage
        Label of each voxel, 0 .. n_phases - 1; axes are (plane, row, column).
    phases, voxel_size_um
        As in `train`; without a voxel size lengths are in voxels.
    metrics : sequence of str, optional
        What to measure (docs/measure.md); what the workflow measures by default if not given.

    Returns
    -------
    DataFrame
        One value a row: phase, axis, metric, value, unit, note. What could not be computed is NaN
        with the reason in ``note``.

    Raises
    ------
    ConfigError
        If there is no such metric.
    InputError
        If the labels cannot be measured.

    Examples
    --------
    >>> layers = np.zeros((20, 24, 32), dtype=np.uint8)
    >>> layers[:, ::2] = 1
    >>> table = matvir.measure(layers, voxel_size_um=0.5, metrics=["volume-fraction"])
    >>> table[["phase", "metric", "value"]].to_dict("records")[1]
    {'phase': 'phase-1', 'metric': 'volume_fraction', 'value': 0.5}
    """
    from matvir.measurement.measure import measure_samples

    material = _material(labels, phases, voxel_size_um)
    measured = measure_samples(
        [material.voxels],
        names=["sample"],
        phases=material.phases,
        voxel_size_um=material.voxel_size_um,
        metrics=_metrics(metrics),
    )
    return measured.table.drop(columns="sample")


def compare(
    real: ArrayLike | MaterialImage,
    generated: Sequence[ArrayLike | MaterialImage],
    *,
    phases: Sequence[str] | None = None,
    voxel_size_um: float | Sequence[float] | None = None,
    metrics: Sequence[str] | None = None,
    isotropic: bool = True,
    workers: int = 1,
) -> pd.DataFrame:
    """Compare generated volumes with the real material, statistic by statistic.

    The real one is cut into parts as large as the generated ones, which the same code measures. Of
    a real image slices are compared, and 3D properties have no reference.

    Parameters
    ----------
    real : array of shape (H, W) or (D, H, W), uint8, or MaterialImage
        Labels of the micrograph or of a volume.
    generated : sequence of arrays of shape (D, H, W), uint8, or of MaterialImage
        Generated volumes, all of one shape; a dozen or more say something.
    phases, voxel_size_um, metrics
        As in `measure`.
    isotropic : bool
        Whether slices perpendicular to all axes are alike.
    workers : int
        Number of processes that measure side by side.

    Returns
    -------
    DataFrame
        As `matvir.comparison.tables.compare_tables` describes it: means, differences with their
        intervals, distances with what real data has to more real data, tests.

    Raises
    ------
    InputError
        If the two sides have other phases, or a part does not fit into the real material.

    Examples
    --------
    >>> noise = np.random.default_rng(0).random((8, 32, 32, 32)) < 0.3
    >>> real, *made = noise.astype(np.uint8)
    >>> table = matvir.compare(real, [one[:16, :16, :16] for one in made],
    ...                        metrics=["volume-fraction"])
    >>> sorted(set(table["dimension"]))
    ['2d', '3d']
    """
    from matvir.comparison.tables import compare_tables
    from matvir.measurement.run import measure as measure_all
    from matvir.measurement.samples import real_samples, volume_samples

    truth = _material(real, phases, voxel_size_um)
    shapes = [one.shape if isinstance(one, MaterialImage) else np.shape(one) for one in generated]
    if len(set(shapes)) != 1 or len(shapes[0]) != 3:
        raise InputError(
            f"generated: expected volumes of one shape (D, H, W), got {shapes or 'none'}."
        )
    made = [_material(one, truth.phases, voxel_size_um or truth.voxel_size_um) for one in generated]
    for one in made:
        if one.phases != truth.phases or one.voxel_size_um != truth.voxel_size_um:
            raise InputError(
                f"generated: expected the phases {truth.phases} and the voxel size "
                f"{truth.voxel_size_um} (um) of the real material, got {one.phases} and "
                f"{one.voxel_size_um}. Name the phases of both and give both the same voxel size."
            )
    rng = np.random.default_rng(0)
    most = default_settings()["measure"]["max_samples"]
    sides = (
        real_samples(Specimen.of(truth), None, made[0].shape, most, rng, isotropic=isotropic),
        volume_samples([one.voxels for one in made], truth.voxel_size_um, isotropic=isotropic),
    )
    real_table, made_table = (
        measure_all(
            side,
            phases=truth.phases,
            voxel_size_um=truth.voxel_size_um,
            metrics=_metrics(metrics),
            n_workers=workers,
            memory_mb=MEMORY_MB,
        )[0]
        for side in sides
    )
    origin = {"material": MATERIAL, "model": "", "seed": ""}
    return compare_tables(
        real_table.assign(**origin), made_table.assign(**origin), _defaults().compare
    )


def _metrics(metrics: Sequence[str] | None) -> Sequence[str]:
    chosen: Sequence[str] = metrics or default_settings()["measure"]["metrics"]
    return chosen


def _defaults() -> Config:
    return from_dict(Config, resolve(default_settings()))


def _material(
    image: ArrayLike | MaterialImage,
    phases: Sequence[str] | None,
    voxel_size_um: float | Sequence[float] | None,
) -> MaterialImage:
    """Return labels with their phases and voxel size, after checking them."""
    if isinstance(image, MaterialImage):
        return image
    array = np.asarray(image)
    if array.ndim not in (2, 3) or array.dtype.kind not in "iub" or not array.size:
        raise InputError(
            "labels: expected whole numbers of shape (H, W) or (D, H, W), got shape "
            f"{array.shape} of {array.dtype}."
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 254 or (phases is not None and high >= len(phases)):
        n_phases = 255 if phases is None else len(phases)
        raise InputError(
            f"labels: expected values in 0 .. {n_phases - 1}, one for each phase, got "
            f"{low} .. {high}. Number the phases from 0, or name them all."
        )
    names = tuple(phases or (f"phase-{label}" for label in range(high + 1)))
    if voxel_size_um is None:
        edges = None
    elif np.ndim(voxel_size_um):
        edges = tuple(map(float, np.asarray(voxel_size_um)))
    else:
        edges = (float(voxel_size_um),) * array.ndim  # type: ignore[arg-type]
    if edges is not None and len(edges) != array.ndim:
        raise InputError(
            f"voxel_size_um: expected one number or {array.ndim}, one for each axis, got {edges}."
        )
    return MaterialImage(voxels=array.astype(np.uint8), phases=names, voxel_size_um=edges)


def _config(
    material: MaterialImage, model: str, minutes: float | None, settings: dict[str, Any] | None
) -> Config:
    """Return the defaults with this material, and with what is set of the model."""
    values = default_settings()
    if model not in values["models"]:
        raise ConfigError(
            f"model: expected one of {', '.join(values['models'])}, got {model!r}"
            f"{did_you_mean(model, values['models'])}."
        )
    changed = merge(values["models"][model], settings or {})
    if minutes is not None:
        changed = merge(changed, {"training": {"budget": f"{minutes:g}min", "steps": None}})
    values["models"] = values["models"] | {model: changed}
    values["materials"] = {MATERIAL: {"phases": list(material.phases), "type": "labels"}}
    return from_dict(Config, resolve(values))
