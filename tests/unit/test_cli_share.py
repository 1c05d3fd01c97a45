"""A generator is passed on with its card."""

from pathlib import Path

import pandas as pd
import pytest

from matvir import cli
from matvir.commands.share import comparison_of
from matvir.errors import InputError
from matvir.training.checkpoint import load_generator, save_generator

ROWS = {
    "dimension": ["3d", "3d", "3d", "2d", "2d"],
    "metric": [
        "relative_diffusivity",
        "relative_diffusivity",
        "volume_fraction",
        "euler_number",
        "volume_fraction",
    ],
    "phase": ["pore"] * 5,
    "axis": ["0", "1", "all", "all", "all"],
    "unit": ["1", "1", "1", "1/um^2", "1"],
    "mean_real": [0.2, 0.3, 0.4, None, 0.4],
    "mean_generated": [0.25, 0.35, 0.41, 3.0, 0.6],
    "difference": [0.05, 0.05, 0.01, None, 0.2],
    "w1_over_sd": [0.1, 0.9, 0.2, None, None],
    "w1_floor_high": [0.5, 0.5, 0.5, None, None],
    "note": ["", "", "", "no real one", "one real sample"],
}


@pytest.fixture
def run_folder(trained_slicegan, tmp_path):
    """Return the folder of a material's results: a generator and its comparison."""
    origin = {"material": "m", "model": "fast", "seed": 7, "images": [["sem.tif", "ab12"]]}
    path = tmp_path / "m/fast/seed-7/train/generator.pt"
    path.parent.mkdir(parents=True)
    save_generator(path, trained_slicegan(origin))
    (tmp_path / "m/compare").mkdir()
    table = pd.DataFrame(ROWS).assign(material="m", model="fast", seed="7")
    other = table.assign(seed="8", mean_generated=99.0)
    pd.concat([other, table]).to_csv(tmp_path / "m/compare/comparison.csv", index=False)
    return tmp_path / "m"


def share(folder, out, *options):
    generator = folder / "fast/seed-7/train/generator.pt"
    return cli.main(["share", str(generator), "--out", str(out), *options])


LICENCE = ("--licence", "CC-BY-4.0", "--authors", "A. One", "B. Two", "--source", "doi:10.1/2")


def test_a_shared_generator_tells_all_that_others_need(run_folder, tmp_path, capsys):
    assert share(run_folder, tmp_path / "shared.pt", *LICENCE) == 0
    capsys.readouterr()
    assert cli.main(["card", str(tmp_path / "shared.pt")]) == 0
    said = capsys.readouterr().out
    assert "sem.tif, SHA-256 ab12" in said
    assert "licence  CC-BY-4.0" in said
    assert "authors  A. One, B. Two" in said
    assert "source  doi:10.1/2" in said
    # Means over the axes of this seed; what has no real value is left out.
    assert "3d relative_diffusivity pore: 0.25 real, 0.3 generated; 1 of 2 statistics" in said
    assert "3d volume_fraction pore: 0.4 real, 0.41 generated; 1 of 1 statistics" in said
    assert "2d volume_fraction pore: 0.4 real, 0.6 generated; too few real samples" in said
    assert "euler" not in said
    assert "99 generated" not in said


def test_a_shared_generator_works_alone_and_names_its_licence(run_folder, tmp_path, capfd):
    alone = tmp_path / "alone"
    alone.mkdir()
    assert share(run_folder, alone / "shared.pt", *LICENCE) == 0
    options = ["--edge", "32", "--out", str(alone)]
    assert cli.main(["generate", str(alone / "shared.pt"), *options]) == 0
    assert "is shared under CC-BY-4.0" in capfd.readouterr().err
    assert (alone / "volume.tif").exists()
    own = load_generator(run_folder / "fast/seed-7/train/generator.pt").network.state_dict()
    passed_on = load_generator(alone / "shared.pt").network.state_dict()
    assert all((own[name] == passed_on[name]).all() for name in own)


def test_a_run_without_a_comparison_is_refused(run_folder, tmp_path, capsys):
    (run_folder / "compare/comparison.csv").rename(tmp_path / "elsewhere.csv")
    assert share(run_folder, tmp_path / "shared.pt", *LICENCE) == 1
    assert "name the table with --comparison" in capsys.readouterr().err
    advised = ("--comparison", str(tmp_path / "elsewhere.csv"))
    assert share(run_folder, tmp_path / "shared.pt", *LICENCE, *advised) == 0


@pytest.mark.parametrize("other", [{"material": "n"}, {"model": "slow"}, {"seed": "8"}])
def test_a_comparison_of_another_run_is_refused(run_folder, tmp_path, capsys, other):
    table = pd.DataFrame(ROWS).assign(**{"material": "m", "model": "fast", "seed": "7"} | other)
    table.to_csv(run_folder / "compare/comparison.csv", index=False)
    assert share(run_folder, tmp_path / "shared.pt", *LICENCE) == 1
    said = capsys.readouterr().err
    assert "expected a comparison of 'fast', seed 7, with the material 'm', got none of it" in said


@pytest.mark.parametrize("name", ["generator.pt", "somewhere/generator.pt"])
def test_a_generator_that_lies_near_the_root_has_no_comparison_beside_it(name):
    with pytest.raises(InputError, match="name the table with --comparison"):
        comparison_of(Path("/") / name)


def test_no_file_is_replaced(run_folder, tmp_path, capsys):
    (tmp_path / "shared.pt").write_text("mine")
    assert share(run_folder, tmp_path / "shared.pt", *LICENCE) == 1
    assert "expected a file that does not exist yet" in capsys.readouterr().err
    assert (tmp_path / "shared.pt").read_text() == "mine"
