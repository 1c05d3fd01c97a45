"""Planning: what would run, and which faults stop everything before it starts."""

import importlib.util
import inspect
import re
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

EVERY_RULE = [
    "synthesise",
    "segment",
    "encode",
    "train",
    "generate",
    "measure",
    "measure_real",
    "compare",
    "report",
]

SCRIPTS = sorted(
    path.stem for path in (Path(__file__).parents[2] / "workflow/scripts").glob("*.py")
)


def configure(workflow, **settings):
    (workflow.folder / "config/config.yaml").write_text(yaml.safe_dump(settings))


def text(run):
    return run.stdout + run.stderr


@pytest.mark.parametrize("overlay", [None, "demo", "paper", "seven"])
def test_shipped_configurations_are_planned_without_warnings(workflow, overlay):
    extra = ["--configfile", f"config/{overlay}.yaml"] if overlay else []
    run = workflow("--cores", "8", "--resources", "gpu=1", "-n", *extra)
    assert run.returncode == 0, text(run)
    assert "warning" not in text(run).lower()
    for rule in EVERY_RULE:
        n_jobs = 7 if overlay == "seven" and rule != "report" else 1
        assert re.search(rf"^{rule} +{n_jobs}$", text(run), re.MULTILINE), rule


def test_cheap_results_depend_on_the_code_that_makes_them(workflow):
    """Editing how samples are compared makes comparison and page anew, and trains nothing."""
    graph = workflow("--filegraph").stdout
    parts = re.split(r'<font point-size="18">(\w+)</font>', graph)[1:]
    # Of each rule what it reads and writes.
    files = dict(zip(parts[::2], parts[1::2], strict=True))
    assert "/measurement/representativity.py" in files["compare"]
    assert "/report/page.html" in files["report"]
    assert not any("/src/matvir/" in files[rule] for rule in ("train", "generate", "measure"))


def test_a_plan_leaves_the_record_of_the_last_run(workflow):
    record = workflow.folder / "results/run_config.yaml"
    record.parent.mkdir()
    record.write_text("the last run")
    assert workflow("-n").returncode == 0
    assert record.read_text() == "the last run"


def test_every_material_model_and_seed_of_the_run_is_planned(workflow):
    configure(
        workflow,
        run={"models": ["slicegan-swd", "slicegan-small"], "seeds": [0, 1, 2]},
    )
    run = workflow("-n")
    assert re.search(r"^train +6$", text(run), re.MULTILINE)
    assert re.search(r"^segment +1$", text(run), re.MULTILINE)


def test_formats_are_planned_for_models_of_volumes_alone(workflow):
    configure(
        workflow,
        run={"models": ["slicegan-swd", "gan-64"], "seeds": [0, 1]},
        generation={"formats": ["vti", "ome-zarr"]},
    )
    run = workflow("-n")
    assert re.search(r"^export_vti +2$", text(run), re.MULTILINE)
    assert re.search(r"^export_ome_zarr +2$", text(run), re.MULTILINE)


def test_phases_may_be_named_by_colours(workflow):
    phases = {"pore": "#0000ff", "solid": "#ff0000"}
    material = {"image": "map.png", "type": "labels", "phases": phases}
    configure(workflow, run={"materials": ["map"]}, materials={"map": material})
    (workflow.folder / "map.png").touch()
    run = workflow("-n")
    assert run.returncode == 0, text(run)
    configure(workflow, run={"materials": ["map"]}, materials={"map": material | {"type": "grey"}})
    assert "phases: numbers and colours are of labels" in text(workflow("-n"))


def test_a_warm_start_from_another_run_is_trained_first(workflow):
    path = "results/other/slicegan-swd/seed-0/train/generator.pt"
    grown = {"kind": "nmc", "shape": [64, 160, 144], "seed": 1}
    other = {"synthetic": grown, "phases": ["pore", "binder", "nmc"]}
    warm = {"based_on": "slicegan-swd", "training": {"warm_start": path}}
    configure(workflow, run={"models": ["warm"]}, materials={"other": other}, models={"warm": warm})
    run = workflow("-n")
    assert run.returncode == 0, text(run)
    assert re.search(r"^train +2$", text(run), re.MULTILINE)
    assert re.search(r"^report +1$", text(run), re.MULTILINE)


def test_gan3d_makes_no_volumes_that_it_was_not_trained_for(workflow):
    configure(
        workflow,
        run={"models": ["gan3d-small"], "materials": ["rock"]},
        materials={"rock": {"image": "rock.tif", "type": "labels"}},
        generation={"size_voxels": [64, 80, 64]},
    )
    (workflow.folder / "rock.tif").touch()
    run = workflow("-n")
    assert "gan3d-small makes volumes of at most 64 voxels along each axis" in text(run)


def test_gpu_jobs_never_share_the_gpu_even_without_resources(workflow):
    """Without the profile and without --resources Snakemake itself would set no limit."""
    configure(workflow, run={"seeds": [0, 1, 2]})
    run = workflow("-n", "--cores", "8", "--workflow-profile", "none", "--verbose")
    assert run.returncode == 0, text(run)
    guard = 'if workflow.is_main_process and "gpu" not in workflow.global_resources'
    assert guard in (workflow.folder / "rules/common.smk").read_text()
    probe = "print('LIMIT', dict(workflow.global_resources).get('gpu'))\n"
    snakefile = workflow.folder / "Snakefile"
    snakefile.write_text(snakefile.read_text() + "\n\n" + probe)
    run = workflow("-n", "--cores", "8", "--workflow-profile", "none")
    assert 'LIMIT Resource("gpu", 1)' in text(run)
    run = workflow("-n", "--cores", "8", "--workflow-profile", "none", "--resources", "gpu=3")
    assert 'LIMIT Resource("gpu", 3)' in text(run)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"generation": {"formats": ["vtk"]}},
            "generation.formats.0: 'vtk' is not one of ['tiff', 'ome-zarr', 'nrrd',",
        ),
        ({"mesure": {}}, "mesure: there is no such key; did you mean 'measure'?"),
        ({"run": {"models": ["slicegan"]}}, "run.models: 'slicegan' is not defined under models"),
        ({"run": {"materials": ["nothing"]}}, "run.materials: 'nothing' is not defined"),
        (
            {"models": {"slicegan-swd": {"training": {"ema_decay": "1e-4"}}}},
            "training.ema_decay: expected number, got '1e-4' (YAML reads this as text",
        ),
        (
            {
                "materials": {"a": {"image": "no/where.tif", "phases": ["x", "y"]}},
                "run": {"materials": ["a"]},
            },
            "materials.a.image: there is no file 'no/where.tif'",
        ),
    ],
)
def test_a_fault_is_named_before_any_job(workflow, settings, message):
    configure(workflow, **settings)
    run = workflow("-n")
    assert run.returncode == 1
    assert message in text(run)
    assert "Traceback" not in text(run)


def test_results_that_cannot_be_written_are_explained(workflow):
    (workflow.folder / "results").write_text("a file where the folder should be")
    run = workflow("-n")
    assert run.returncode == 1
    assert "results: the folder cannot be written" in text(run)
    assert "Traceback" not in text(run)


def test_every_rule_states_what_it_is_and_what_it_needs(root):
    for path in sorted((root / "rules").glob("*.smk")):
        content = path.read_text()
        assert content.startswith('"""'), path.name
        for body in re.split(r"^rule (?=\w+:)", content, flags=re.MULTILINE)[1:]:
            name = body.split(":")[0]
            assert body.split("\n")[1].strip().startswith('"""'), name
            directives = ["log", "conda", "threads", "resources", "message", "script"]
            if name != "verify":  # makes nothing, so it always runs
                directives += ["output", "benchmark"]
            for directive in directives:
                assert re.search(rf"^    {directive}:", body, re.MULTILINE), f"{name}: {directive}"
            assert "mem_mb=" in body, name
            assert "runtime=" in body, name
            assert ("gpu=" in body) == (name in ("train", "generate")), name


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_modules_whose_main_can_be_called_without_snakemake(root, name):
    spec = importlib.util.spec_from_file_location(name, root / f"workflow/scripts/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert inspect.signature(module.main).parameters
    assert not hasattr(module, "snakemake")


def test_the_environment_of_the_rules_is_the_lock_file(root):
    environment = yaml.safe_load((root / "workflow/envs/matvir.yaml").read_text())
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == (root / "requirements.lock").read_text().split()


def test_the_configuration_page_is_up_to_date(root):
    spec = importlib.util.spec_from_file_location("page", root / "docs/make_configuration.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (root / "docs/configuration.md").read_text() == module.page(), "run 'make docs'"


def test_results_may_lie_in_any_folder(workflow, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    run = workflow("-n", "--cores", "1", "--directory", str(elsewhere))
    assert run.returncode == 0, text(run)
    assert re.search(r"^report +1$", text(run), re.MULTILINE)
    assert not (workflow.folder / "results").exists()


MODULE = """
configfile: "own.yaml"

module matvir:
    snakefile: "{snakefile}"
    config: config["virtual-material"]

use rule * from matvir as matvir_*

rule mine:
    default_target: True
    input: rules.matvir_{needed}
    output: "mine.txt"
    shell: "cp {{input}} {{output}}"
"""


@pytest.fixture
def module(workflow, tmp_path_factory):
    """Return a function that plans a workflow of somebody's own that has MatVir as a module."""
    folder = tmp_path_factory.mktemp("own")
    material = {
        "synthetic": {"kind": "separator", "shape": [32, 40, 48], "seed": 0},
        "phases": ["pore", "polymer", "ceramic"],
    }
    own = {
        "materials": {"tiny": material},
        "run": {"materials": ["tiny"], "models": ["slicegan-swd"], "seeds": [0, 1]},
    }
    (folder / "own.yaml").write_text(yaml.safe_dump({"virtual-material": own}))

    def run(*arguments, needed):
        snakefile = workflow.folder / "Snakefile"
        (folder / "Snakefile").write_text(MODULE.format(snakefile=snakefile, needed=needed))
        return workflow("--directory", str(folder), "-s", str(folder / "Snakefile"), *arguments)

    run.folder = folder
    return run


def test_the_workflow_is_a_module_of_another_one(module):
    run = module("-n", "--cores", "1", needed="report.output.page")
    assert run.returncode == 0, text(run)
    assert re.search(r"^matvir_train +2$", text(run), re.MULTILINE)
    assert re.search(r"^mine +1$", text(run), re.MULTILINE)


def test_rules_of_the_module_run(module):
    run = module("--cores", "1", needed="synthesise.output.truth.format(material='tiny')")
    assert run.returncode == 0, text(run)
    assert (module.folder / "results/tiny/raw/truth.h5").exists()
    assert (module.folder / "mine.txt").exists()


def test_the_lock_takes_the_python_of_debian_12():
    known = {one.metadata["Name"]: one.metadata["Requires-Python"] for one in distributions()}
    refusing = {
        name: spec for name, spec in known.items() if spec and "3.11.2" not in SpecifierSet(spec)
    }
    assert refusing == {}
