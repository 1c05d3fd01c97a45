import json
from dataclasses import replace
from itertools import product

import h5py
import numpy as np
import pytest
import yaml

from matvir.errors import ConfigError, InputError
from matvir.micrograph.encoding import TrainingData, encode, read_training, split
from matvir.settings.build import from_dict
from matvir.settings.records import EncodingConfig, MaterialConfig
from matvir.storage.image_types import PHASES
from matvir.storage.images import MaterialImage, Specimen, read_specimen, write_specimen

PARTS = ("training", "held-out")


@pytest.fixture
def material(root):
    config = yaml.safe_load((root / "config" / "default.yaml").read_text())
    return from_dict(MaterialConfig, config["material_defaults"])


def with_encoding(material, **changes):
    return replace(material, encoding=replace(material.encoding, **changes))


def unique_ids(shape):
    """Image in which every voxel is a phase of its own."""
    n_voxels = int(np.prod(shape))
    labels = np.random.default_rng(0).permutation(n_voxels).astype(np.uint8).reshape(shape)
    return MaterialImage(voxels=labels, phases=tuple(f"p{i}" for i in range(n_voxels)))


def ids_of(sections):
    """Ids of the voxels of one-hot sections of an image of unique ids."""
    return set(sections.argmax(axis=1).ravel().tolist())


def test_one_hot():
    labels = np.array([[0, 2, 1], [1, 1, 2]], dtype=np.uint8)
    material = np.array([[True, True, True], [True, False, True]])
    np.testing.assert_array_equal(
        PHASES.encode(labels, 3, material),
        [
            [[1, 0, 0], [0, 0, 0]],
            [[0, 0, 1], [1, 0, 0]],
            [[0, 1, 0], [0, 0, 1]],
        ],
    )


@pytest.mark.parametrize("shape", [(7, 5, 6), (3, 9, 8), (14, 17), (17, 14)])
@pytest.mark.parametrize("seed", range(4))
def test_no_held_out_voxel_is_in_training(tmp_path, material, shape, seed):
    image = unique_ids(shape)
    config = with_encoding(material, held_out=0.3, sections_per_axis=100, seed=seed)
    encode(Specimen.of(image), config, tmp_path / "training.h5")

    ids = {
        part: [
            ids_of(sections)
            for sections in read_training(tmp_path / "training.h5", part=part).sections.values()
        ]
        for part in PARTS
    }

    assert set().union(*ids["training"]).isdisjoint(set().union(*ids["held-out"]))
    # With every plane of each axis taken, nothing is lost either.
    everything = set(range(int(np.prod(shape))))
    for training, held_out in zip(*ids.values(), strict=True):
        assert training | held_out == everything


def test_sections_are_the_recorded_planes(tmp_path, material, rng):
    labels = rng.integers(0, 3, (12, 9, 10), dtype=np.uint8)
    image = MaterialImage(voxels=labels, phases=("pore", "binder", "nmc"))
    config = with_encoding(material, held_out=0.25, sections_per_axis=4)
    encode(Specimen.of(image), config, tmp_path / "training.h5")

    with h5py.File(tmp_path / "training.h5") as file:
        for part, axis in product(PARTS, range(3)):
            group = file[f"{part}/axis-{axis}"]
            extent = tuple(slice(start, stop) for start, stop in group.attrs["extent"])
            positions = group.attrs["positions"].tolist()
            count = 3 if (part, axis) == ("held-out", 0) else 4
            assert len(set(positions)) == len(positions) == count
            assert positions == sorted(positions)
            assert group["sections"].dtype == np.uint8
            assert group["sections"].compression == "gzip"
            for position, section in zip(positions, group["sections"][()], strict=True):
                assert extent[axis].start <= position < extent[axis].stop
                plane = labels.take(position, axis)
                in_plane = tuple(cut for other, cut in enumerate(extent) if other != axis)
                np.testing.assert_array_equal(section.sum(axis=0), 1)
                np.testing.assert_array_equal(section.argmax(axis=0), plane[in_plane])


def test_attributes(tmp_path, material):
    image = replace(
        unique_ids((8, 12)),
        voxel_size_um=(0.4, 0.4),
        provenance={"source": "a.tif", "value_to_phase": {"0": "p0", "255": "p1"}},
    )
    config = with_encoding(material, held_out=0.25, seed=7)
    encode(Specimen.of(image), config, tmp_path / "training.h5")

    with h5py.File(tmp_path / "training.h5") as file:
        attributes = dict(file.attrs)
    assert json.loads(attributes["value_to_phase"]) == {"0": "p0", "255": "p1"}
    assert json.loads(attributes["voxel_size_um"]) == [0.4, 0.4, 0.4]
    assert json.loads(attributes["provenance"])["images"][0]["source"] == "a.tif"
    assert json.loads(attributes["provenance"])["encoded_by"]["matvir"]
    assert attributes["seed"] == 7
    layout = json.loads(attributes["split"])
    assert layout["source_shapes"] == [[8, 12]]
    columns = sorted(extent[1] for extent in layout["extents"].values())
    assert columns in ([[0, 3], [3, 12]], [[0, 9], [9, 12]])


def test_read_back(tmp_path, material, rng):
    labels = rng.integers(0, 2, (10, 6), dtype=np.uint8)
    image = MaterialImage(voxels=labels, phases=("pore", "grain"), voxel_size_um=(0.5, 0.5))
    symmetry = replace(material.symmetry, mirror=False)
    encode(Specimen.of(image), replace(material, symmetry=symmetry), tmp_path / "training.h5")

    data = read_training(tmp_path / "training.h5")

    assert (data.phases, data.n_phases) == (("pore", "grain"), 2)
    assert data.voxel_size_um == (0.5, 0.5, 0.5)
    assert (data.mirror, data.quarter_turns, data.isotropic) == (False, True, True)
    assert {axis: sections.shape for axis, sections in data.sections.items()} == {0: (1, 2, 8, 6)}
    held_out = read_training(tmp_path / "training.h5", part="held-out").sections[0]
    assert held_out.shape == (1, 2, 2, 6)


def test_the_files_that_sections_come_from_are_told_without_their_folders(tmp_path, material, rng):
    def plane(name):
        source = {"source": {"path": f"/home/somebody/{name}.tif", "sha256": f"hash of {name}"}}
        labels = rng.integers(0, 2, (12, 12), dtype=np.uint8)
        return MaterialImage(voxels=labels, phases=("pore", "grain"), provenance=source)

    planes = {0: plane("across"), 1: plane("along"), 2: plane("along")}
    anisotropic = replace(material, isotropic=False)
    encode(Specimen(planes=planes), anisotropic, tmp_path / "training.h5")
    told = read_training(tmp_path / "training.h5").images
    assert told == (("across.tif", "hash of across"), ("along.tif", "hash of along"))


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"path": "/home/a/b.h5:/raw/data", "sha256": "c1"}, (("b.h5:/raw/data", "c1"),)),
        (
            {
                "path": "a/1.ome.tif",
                "sha256": "c1",
                "files": {"1.ome.tif": "c1", "2.ome.tif": "c2"},
            },
            (("1.ome.tif", "c1"), ("2.ome.tif", "c2")),
        ),
        ({}, ()),
    ],
)
def test_files_are_told_with_the_data_set_in_them_and_all_of_a_set(
    tmp_path, material, rng, source, told
):
    labels = rng.integers(0, 2, (12, 12), dtype=np.uint8)
    image = MaterialImage(voxels=labels, phases=("pore", "grain"), provenance={"source": source})
    encode(Specimen.of(image), material, tmp_path / "training.h5")
    assert read_training(tmp_path / "training.h5").images == told


def test_same_seed_same_file(tmp_path, material):
    for name in ("a.h5", "b.h5"):
        encode(
            Specimen.of(unique_ids((7, 5, 6))),
            with_encoding(material, sections_per_axis=2),
            tmp_path / name,
        )
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_masked_pixels_are_of_no_phase_and_empty_planes_are_not_taken(tmp_path, material):
    image = unique_ids((6, 6, 7))
    valid = np.zeros(image.voxels.shape, dtype=bool)
    valid[:, 2:5, 1:6] = True
    config = with_encoding(material, held_out=0, sections_per_axis=100)
    encode(Specimen.of(replace(image, valid=valid)), config, tmp_path / "training.h5")

    sections = read_training(tmp_path / "training.h5").sections
    assert {axis: len(s) for axis, s in sections.items()} == {0: 6, 1: 3, 2: 5}
    for axis, expected in ((0, valid[0]), (1, valid[:, 2]), (2, valid[:, :, 1])):
        for section in sections[axis]:
            np.testing.assert_array_equal(section.sum(axis=0), expected)


@pytest.mark.parametrize(
    ("shape", "axis", "thickness"), [((40, 60), 1, 15), ((60, 40), 0, 15), ((20, 60, 50), 0, 5)]
)
def test_split_takes_either_end_across_the_longer_side(shape, axis, thickness):
    config = EncodingConfig(held_out=0.25, sections_per_axis=1, seed=0)
    ends = set()
    for seed in range(20):
        parts = split(shape, config, np.random.default_rng(seed))
        held_out = parts["held-out"][axis]
        assert held_out.stop - held_out.start == thickness
        for other, edge in enumerate(shape):
            if other != axis:
                assert parts["held-out"][other] == parts["training"][other] == slice(0, edge)
        ends.add(held_out.start)
    assert ends == {0, shape[axis] - thickness}


def test_nothing_held_out(tmp_path, material):
    image = unique_ids((9, 11))
    encode(Specimen.of(image), with_encoding(material, held_out=0), tmp_path / "training.h5")
    assert ids_of(read_training(tmp_path / "training.h5").sections[0]) == set(range(99))
    with pytest.raises(InputError, match=r"without one.*'encoding.held_out' above 0"):
        read_training(tmp_path / "training.h5", part="held-out")


@pytest.mark.parametrize("held_out", [0.01, 0.99])
def test_split_that_leaves_nothing(tmp_path, material, held_out):
    with pytest.raises(ConfigError, match=f"held_out: {held_out} of the 11 planes along axis 1"):
        encode(
            Specimen.of(unique_ids((9, 11))),
            with_encoding(material, held_out=held_out),
            tmp_path / "t.h5",
        )
    assert list(tmp_path.iterdir()) == []


def test_label_without_a_phase(tmp_path, material):
    image = replace(unique_ids((4, 5)), phases=("pore", "grain"))
    with pytest.raises(InputError, match=r"values below 2.*\('pore', 'grain'\), got 19"):
        encode(Specimen.of(image), material, tmp_path / "training.h5")


def test_voxels_that_contradict_quarter_turns(tmp_path, material):
    image = Specimen.of(replace(unique_ids((4, 5, 6)), voxel_size_um=(1.0, 2.0, 2.0)))
    with pytest.raises(ConfigError, match=r"equal edges, got \(1.0, 2.0, 2.0\)"):
        encode(image, replace(material, isotropic=False), tmp_path / "training.h5")
    encode(image, anisotropic(material), tmp_path / "training.h5")
    assert read_training(tmp_path / "training.h5").voxel_size_um == (1.0, 2.0, 2.0)


def anisotropic(material):
    symmetry = replace(material.symmetry, quarter_turns=False)
    return replace(material, isotropic=False, symmetry=symmetry)


def test_slices_around_an_axis_need_equal_edges_across_it(tmp_path, material):
    free = anisotropic(material)
    around = {k: replace(free, symmetry=replace(free.symmetry, rotation_axis=k)) for k in (0, 1)}
    image = Specimen.of(replace(unique_ids((4, 5, 6)), voxel_size_um=(1.0, 2.0, 2.0)))
    encode(image, around[0], tmp_path / "training.h5")
    assert read_training(tmp_path / "training.h5").rotation_axis == 0
    with pytest.raises(ConfigError, match=r"around axis 1 need .* got 1.0 and 2.0 um"):
        encode(image, around[1], tmp_path / "training.h5")


def test_each_plane_is_split_and_encoded_for_its_axis(tmp_path, material):
    shapes = {0: (8, 12), 1: (10, 12), 2: (10, 8)}
    planes = Specimen(planes={axis: unique_ids(shape) for axis, shape in shapes.items()})
    planes = Specimen(
        planes={k: replace(p, phases=planes.planes[1].phases) for k, p in planes.planes.items()}
    )
    encode(planes, with_encoding(anisotropic(material), held_out=0.25), tmp_path / "training.h5")
    training = read_training(tmp_path / "training.h5")
    held_out = read_training(tmp_path / "training.h5", part="held-out")
    for axis, shape in shapes.items():
        ids = [ids_of(part.sections[axis]) for part in (training, held_out)]
        assert ids[0].isdisjoint(ids[1])
        assert ids[0] | ids[1] == set(range(shape[0] * shape[1]))
    assert training.sections[0].shape == (1, 120, 8, 9)
    assert training.axes == [0, 1, 2]
    assert training.axis_groups == [(0,), (1,), (2,)]


def test_a_plane_of_two_axes_is_one_set_of_sections(tmp_path, material):
    across, along = unique_ids((10, 12)), unique_ids((12, 10))
    specimen = Specimen(planes={0: across, 1: along, 2: along})
    write_specimen(tmp_path / "labels.h5", specimen)
    encode(read_specimen(tmp_path / "labels.h5"), anisotropic(material), tmp_path / "training.h5")
    for part in ("training", "held-out"):
        data = read_training(tmp_path / "training.h5", part=part)
        assert data.axis_groups == [(0,), (1, 2)]
        assert data.sections[1] is data.sections[2]
        assert len(ids_of(data.sections[1])) == (90 if part == "training" else 30)


def test_an_axis_may_be_without_a_plane(tmp_path, material):
    specimen = Specimen(planes={0: unique_ids((10, 12)), 2: unique_ids((10, 12))})
    encode(specimen, anisotropic(material), tmp_path / "training.h5")
    assert read_training(tmp_path / "training.h5").axes == [0, 2]


def test_one_plane_of_an_anisotropic_material_is_refused(tmp_path, material):
    expected = "perpendicular to two axes at least of an anisotropic material, got one perp"
    with pytest.raises(InputError, match=expected):
        encode(Specimen.of(unique_ids((9, 8))), anisotropic(material), tmp_path / "training.h5")


def test_part_without_material(tmp_path, material):
    image = unique_ids((4, 12))
    valid = np.zeros((4, 12), dtype=bool)
    valid[:, 5:7] = True
    with pytest.raises(InputError, match="shows no material: all of it is masked out"):
        encode(Specimen.of(replace(image, valid=valid)), material, tmp_path / "training.h5")


def test_sections_for_axis():
    first, second = (np.zeros((1, 2, 3, edge), dtype=np.uint8) for edge in (4, 5))
    flat = TrainingData(
        phases=("a", "b"),
        voxel_size_um=None,
        mirror=True,
        quarter_turns=True,
        isotropic=True,
        sections={0: first},
    )
    assert all(flat.sections_for_axis(axis) is first for axis in range(3))
    assert replace(flat, sections={0: first, 1: second}).sections_for_axis(1) is second
    with pytest.raises(InputError, match=r"axis 2: .* only those of axes \[0\] of an anisotropic"):
        replace(flat, isotropic=False).sections_for_axis(2)


def test_foreign_files(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    h5py.File(tmp_path / "other.h5", "w").close()
    for name in ("text.h5", "other.h5", "missing.h5"):
        with pytest.raises(InputError, match=f"{name}: expected a training file of MatVir"):
            read_training(tmp_path / name)


def test_all_micrographs_of_a_stack_are_sections_and_whole_ones_are_held_out(
    tmp_path, material, rng
):
    labels = rng.integers(0, 2, (20, 9, 10), dtype=np.uint8)
    stack = MaterialImage(voxels=labels, phases=("a", "b"), stack=True)
    config = with_encoding(material, held_out=0.25, sections_per_axis=3)
    encode(Specimen.of(stack), config, tmp_path / "training.h5")
    parts = [read_training(tmp_path / "training.h5", part=p, with_volume=True) for p in PARTS]
    assert [part.sections.keys() for part in parts] == [{0}, {0}]
    assert [part.volume for part in parts] == [None, None]
    lengths = [len(part.sections[0]) for part in parts]
    assert lengths == [15, 5]
    order = (0, 1) if (parts[0].sections[0][0, 1] == labels[0]).all() else (1, 0)
    together = np.concatenate([parts[index].sections[0][:, 1] for index in order])
    np.testing.assert_array_equal(together, labels)


def test_fractions_count_all_sections_and_not_what_is_masked():
    sections = np.zeros((1, 2, 2, 4), np.uint8)
    sections[0, 0, 0] = 1  # the upper row; of the lower one half is masked
    sections[0, 1, 1, :2] = 1
    other = np.zeros((2, 2, 3, 2), np.uint8)
    other[:, 1] = 1
    data = TrainingData(
        phases=("a", "b"),
        voxel_size_um=None,
        mirror=True,
        quarter_turns=True,
        isotropic=True,
        sections={0: sections, 1: other},
    )
    assert data.volume_fractions() == pytest.approx([4 / 18, 14 / 18])
