"""Files of labels that commands are given."""

from collections.abc import Sequence

from matvir.errors import InputError
from matvir.files import split_dataset
from matvir.generation.export import is_ours, labels_of_anyone
from matvir.storage.hdf5 import open_hdf5
from matvir.storage.images import MaterialImage, read_image
from matvir.storage.samples import read_samples


def read_labels(
    source: str, phases: Sequence[str] | None, voxel_size_um: Sequence[float] | None
) -> list[MaterialImage]:
    """Return the images or volumes of labels in a file.

    Parameters
    ----------
    source : str
        A ``samples.h5`` or ``labels.h5`` of MatVir, or labels of any format that it reads; their
        values, ascending, become 0 .. n_phases - 1.
    phases : sequence of str or None
        Names by ascending label; those of the file, or phase-0, phase-1, ... without.
    voxel_size_um : sequence of float or None
        One edge, or one per axis, where the file has none.

    Raises
    ------
    InputError
        If it holds no labels, or names and edges do not fit them.
    """
    path, dataset = split_dataset(source)
    if dataset is None and is_ours(path):
        with open_hdf5(path, "labels of MatVir", "Give a samples.h5 or a labels.h5.") as file:
            several = "seeds" in file.attrs
        found = _of_samples(source) if several else [read_image(path)]
    else:
        found = [labels_of_anyone(source)]
    return [_described(one, source, phases, voxel_size_um) for one in found]


def _of_samples(source: str) -> list[MaterialImage]:
    samples = read_samples(split_dataset(source)[0])
    return [
        MaterialImage(
            voxels=labels,
            phases=samples.phases,
            voxel_size_um=samples.voxel_size_um,
            kind=samples.kind,
        )
        for labels in samples.labels
    ]


def _described(
    image: MaterialImage,
    source: str,
    phases: Sequence[str] | None,
    voxel_size_um: Sequence[float] | None,
) -> MaterialImage:
    if not image.kind.labelled:
        raise InputError(f"{source}: expected labels of phases, got {image.kind.text} values.")
    names = image.phases if phases is None else tuple(phases)
    if len(names) != len(image.phases):
        raise InputError(
            f"--phases: expected {len(image.phases)} names, one per label of {source}, got "
            f"{list(names)}."
        )
    edges = image.voxel_size_um
    if voxel_size_um is not None:
        n_axes = len(image.shape)
        if len(voxel_size_um) not in (1, n_axes) or not all(edge > 0 for edge in voxel_size_um):
            raise InputError(
                f"--voxel-size-um: expected one positive number or {n_axes}, got "
                f"{list(voxel_size_um)}."
            )
        edges = tuple(voxel_size_um) * (n_axes if len(voxel_size_um) == 1 else 1)
    return MaterialImage(voxels=image.voxels, phases=names, voxel_size_um=edges, kind=image.kind)
