import pickle

import pytest
import torch

from matvir.errors import InputError
from matvir.models.gaussian_field import GaussianField
from matvir.models.slicegan import Generator
from matvir.settings.build import from_dict
from matvir.settings.models import GaussianFieldNetworkConfig
from matvir.settings.records import Config
from matvir.training import checkpoint
from matvir.training.seeding import seeded


@pytest.fixture
def trained(settings):
    config = from_dict(Config, settings).models["slicegan-small"].network
    network = Generator(config, 3)
    network.initialise(seeded(0))
    return checkpoint.TrainedGenerator(
        network=network.eval(),
        kind="slicegan",
        config=config,
        phases=("a", "b", "c"),
        voxel_size_um=(0.5, 0.5),
        provenance={"material": "m", "seed": 0},
    )


def test_round_trip(tmp_path, trained):
    checkpoint.save_generator(tmp_path / "g.pt", trained)
    again = checkpoint.load_generator(tmp_path / "g.pt")
    for name, value in trained.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name])
    assert (again.phases, again.voxel_size_um) == (trained.phases, trained.voxel_size_um)
    assert again.config == trained.config
    assert again.provenance == trained.provenance
    assert not again.network.training


def test_a_truncated_file_is_refused_by_name(tmp_path, trained):
    path = tmp_path / "g.pt"
    checkpoint.save_generator(path, trained)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"g.pt: expected a file of tensors .* cannot be read"):
        checkpoint.load_generator(path)


def test_nothing_in_a_file_can_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"format": Evil()}, tmp_path / "g.pt")
    with pytest.raises(InputError, match="cannot be read"):
        checkpoint.load_generator(tmp_path / "g.pt")
    (tmp_path / "p.pt").write_bytes(pickle.dumps(Evil(), protocol=2))
    (tmp_path / "ran").unlink(missing_ok=True)  # pickling itself opens nothing, loading would
    with pytest.raises(InputError, match="cannot be read"):
        checkpoint.load_generator(tmp_path / "p.pt")
    assert not (tmp_path / "ran").exists()


def test_a_newer_format_asks_for_a_newer_version(tmp_path):
    checkpoint.save(tmp_path / "g.pt", {"format": "matvir-generator-10"})
    with pytest.raises(InputError, match=r"A newer version of MatVir wrote it: install that one"):
        checkpoint.load_generator(tmp_path / "g.pt")


@pytest.mark.parametrize("found", ["matvir-generator-1", "matvir-generator-x", "matvir-10"])
def test_an_older_format_asks_for_a_training(tmp_path, found):
    checkpoint.save(tmp_path / "g.pt", {"format": found})
    with pytest.raises(InputError, match=r"Train it again with this version"):
        checkpoint.load_generator(tmp_path / "g.pt")


def test_another_format_is_refused(tmp_path):
    checkpoint.save(tmp_path / "g.pt", {"format": "other"})
    with pytest.raises(InputError, match=r"in the format 'matvir-generator-2', got 'other'"):
        checkpoint.load_generator(tmp_path / "g.pt")


def test_weights_that_do_not_fit_are_refused(tmp_path, trained):
    checkpoint.save_generator(tmp_path / "g.pt", trained)
    content = checkpoint.load(tmp_path / "g.pt")
    content["phases"] = ["a", "b"]
    checkpoint.save(tmp_path / "g.pt", content)
    with pytest.raises(InputError, match="the weights do not fit the network"):
        checkpoint.load_generator(tmp_path / "g.pt")


@pytest.mark.parametrize(("key", "value"), [("strides", 700), ("paddings", -1), ("strides", 0)])
def test_a_geometry_that_would_fill_the_memory_is_refused(tmp_path, trained, key, value):
    checkpoint.save_generator(tmp_path / "g.pt", trained)
    content = checkpoint.load(tmp_path / "g.pt")
    content["config"]["generator"][key] = [value] * len(content["config"]["generator"][key])
    checkpoint.save(tmp_path / "g.pt", content)
    with pytest.raises(InputError, match=r"g\.pt: .*kernels of \d+ with stride"):
        checkpoint.load_generator(tmp_path / "g.pt")


def test_weights_that_are_not_finite_are_refused(tmp_path, trained):
    checkpoint.save_generator(tmp_path / "g.pt", trained)
    content = checkpoint.load(tmp_path / "g.pt")
    next(iter(content["state"].values())).fill_(float("nan"))
    checkpoint.save(tmp_path / "g.pt", content)
    with pytest.raises(InputError, match="weights that are not finite"):
        checkpoint.load_generator(tmp_path / "g.pt")


@pytest.fixture
def field(tmp_path):
    """Return the file of Gaussian fields that are cut into three phases."""
    config = GaussianFieldNetworkConfig(radius=5)
    network = GaussianField(config, 3)
    network.initialise(seeded(0))
    network.cut_at((0.2, 0.5, 0.3), (2, 0, 1))
    trained = checkpoint.TrainedGenerator(
        network=network.eval(),
        kind="gaussian-field",
        config=config,
        phases=("a", "b", "c"),
        voxel_size_um=None,
        provenance={"material": "m", "seed": 0},
    )
    checkpoint.save_generator(tmp_path / "f.pt", trained)
    return tmp_path / "f.pt"


def test_fields_come_back_with_their_cuts(field):
    network = checkpoint.load_generator(field).network
    assert network.order.tolist() == [2, 0, 1]
    # Phase 0 has 2/7 of what phase 2 leaves.
    torch.testing.assert_close(network.thresholds, torch.tensor([0.524401, 0.565949]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"config": {"radius": 100_000}},
            r"f\.pt: .*kernels of a radius of 100000 voxels for 3 ph",
        ),
        (
            {"config": {"radius": 64}, "phases": ["a"] * 200},
            r"f\.pt: .*kernels of a radius of 64 voxels for 200 phases",
        ),
        ({"phases": ["a"]}, r"f\.pt: .*kernels of a radius of 5 voxels for 1 phases"),
        (
            {"log_stretches": torch.full((2, 3), -60.0)},
            r"f\.pt: .*kernels stretched beyond measure",
        ),
        ({"profiles": torch.zeros(2, 5)}, r"f\.pt: .*kernels of zeros"),
        ({"order": torch.tensor([0, 1, 1])}, r"f\.pt: .*phases that are not cut once each"),
        ({"order": torch.tensor([1, 2, 3])}, r"f\.pt: .*phases that are not cut once each"),
    ],
)
def test_fields_that_cannot_be_cut_are_refused(field, change, message):
    content = checkpoint.load(field)
    for name, value in change.items():
        part = content if name in content else content["state"]
        part[name] = value
    checkpoint.save(field, content)
    with pytest.raises(InputError, match=message):
        checkpoint.load_generator(field)
