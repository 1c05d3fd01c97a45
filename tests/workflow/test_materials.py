"""The whole pipeline at toy size on materials of every kind: stacks, volumes, planes and values."""

from itertools import pairwise
from pathlib import Path

import h5py
import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from scipy import ndimage

from matvir.settings.build import merge
from matvir.storage.samples import read_samples
from matvir.training.checkpoint import load_generator

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


def make(own, changes, *targets):
    """Run the toy pipeline with these changes of its settings and return its results."""
    settings = merge(yaml.safe_load((HERE / "tiny.yaml").read_text()), yaml.safe_load(changes))
    (own.folder / "tiny.yaml").write_text(yaml.safe_dump(settings))
    run = own(*targets)
    assert run.returncode == 0, run.stdout + run.stderr
    return own.folder / "results"


def write_own_images(folder, rng):
    """Write a two-phase label picture with a reference volume, and a volume of four labels."""
    blocks = rng.integers(0, 2, (20, 24)).astype(np.uint8)
    iio.imwrite(folder / "picture.png", 255 * np.kron(blocks, np.ones((5, 5), np.uint8)))
    cells = rng.integers(0, 2, (8, 8, 12)).astype(np.uint8)
    tifffile.imwrite(folder / "reference.tif", 7 * np.kron(cells, np.ones((5, 4, 4), np.uint8)))
    cells = rng.integers(0, 4, (22, 20, 24)).astype(np.uint8)
    np.save(folder / "volume.npy", np.kron(cells, np.ones((4, 4, 4), np.uint8)))


OWN = """
run: {materials: [picture, volume], models: [tiny-swd], seeds: [0]}
materials:
  picture:
    image: picture.png
    type: labels
    reference: reference.tif
    encoding: {held_out: 0}
  volume:
    image: volume.npy
    type: labels
    voxel_size_um: 0.5
measure: {metrics: [volume-fraction, two-point-correlation, interfacial-area, percolation]}
generation: {n_volumes: 2}
models:
  tiny-swd: {training: {steps: 2, match_fractions: false, selection: null}}
"""


def test_own_images_with_and_without_reference(own):
    write_own_images(own.folder, np.random.default_rng(0))
    (own.folder / "config/config.yaml").write_text(OWN)
    results = make(
        own, OWN, *(f"results/{name}/compare/comparison.csv" for name in ("picture", "volume"))
    )
    table = pd.concat(map(pd.read_csv, sorted(results.rglob("measure/metrics.csv"))))
    assert len(table.groupby(["material", "model"])) == 4
    real = table[(table.model == "real") & (table.metric == "volume_fraction")]
    assert set(real[real.material == "volume"]["phase"]) == {f"phase-{i}" for i in range(4)}
    # The picture's volumes come from its reference.
    volumes = real[(real.material == "picture") & real["sample"].str.startswith("volume")]
    reference = tifffile.imread(own.folder / "reference.tif")
    expected = (reference == 7).mean()
    first = volumes[(volumes["sample"] == "volume-000") & (volumes.phase == "phase-1")]
    assert first["value"].item() == pytest.approx(expected)
    areas = table[table.metric == "interfacial_area"].groupby("material")["unit"].unique()
    assert list(areas["picture"]) == ["1/voxel"]
    assert list(areas["volume"]) == ["1/um"]
    used = yaml.safe_load((results / "run_config.yaml").read_text())
    assert used["materials"]["volume"]["segmentation"]["method"] == "otsu"


ANISOTROPIC = """
run: {materials: [layers, fibres], models: [tiny-swd], seeds: [0]}
material_defaults:
  isotropic: false
  symmetry: {quarter_turns: false}
materials:
  layers:                     # perpendicular to axis 2, nothing is known
    planes: [top.png, {image: side.png, quarter_turns: 1}, null]
    type: labels
    phases: [pore, solid]
    voxel_size_um: [0.2, 0.5, 0.5]
  fibres:
    synthetic: {kind: fibres, shape: [112, 120, 128], seed: 0}
    phases: [matrix, fibre]
    symmetry: {rotation_axis: 0}
measure: {metrics: [volume-fraction, two-point-correlation, chord-length]}
generation: {n_volumes: 2}
models:
  tiny-swd: {training: {steps: 2, match_fractions: false, selection: null}}
"""


def test_planes_of_anisotropic_materials_are_compared_apart(own):
    rng = np.random.default_rng(0)
    top = np.kron(rng.permutation(600).reshape(20, 30) % 2, np.ones((6, 6))).astype(np.uint8)
    # On its side: what is to be axis 0 runs from right to left, layers are 4 voxels thick.
    side = np.tile(np.arange(120) // 4 % 2, (180, 1)).astype(np.uint8)
    iio.imwrite(own.folder / "top.png", top)
    iio.imwrite(own.folder / "side.png", side)
    results = make(own, ANISOTROPIC)
    table = pd.read_csv(results / "report/metrics.csv")
    chords = table[(table.material == "layers") & (table.metric == "mean_chord_length")]
    real = chords[(chords.model == "real") & (chords.phase == "solid")]
    by_axis = real.groupby([real["sample"].str[:7], "axis"])["value"].mean()
    # Side crops are 40 voxels of 0.2 um along axis 0: layers of 4, ends at 39 places.
    assert by_axis["plane-1", "0"] == pytest.approx(0.2 * 39 / 9, rel=0.1)
    assert by_axis["plane-0", "1"] > 2
    assert ("plane-2", "0") not in by_axis
    generated = set(chords[chords.model == "tiny-swd"]["sample"].str[:7])
    assert generated == {"plane-0", "plane-1", "plane-2", "volume-"}
    comparison = pd.read_csv(results / "layers/compare/comparison.csv")
    notes = comparison[comparison.dimension == "2d-2"]["note"]
    assert notes.str.contains("no reference across axis 2").all()
    assert set(pd.read_csv(results / "fibres/compare/s2.csv")["dimension"]) == {
        "2d-0",
        "2d-1",
        "2d-2",
        "3d",
    }
    page = (results / "report/index.html").read_text()
    for axis in (0, 1):
        assert f"Perpendicular to axis {axis}" in page
    assert "On slices perpendicular to axis 2" in page


VALUES = """
run: {materials: [steel, tiles], models: [tiny-swd], seeds: [0]}
materials:
  steel:                      # grey planes; that perpendicular to axis 1 is on its side
    planes: [top.png, {image: side.png, quarter_turns: 1}, top.png]
    isotropic: false
    symmetry: {quarter_turns: false}
    segmentation: {method: none}
  tiles:
    image: colours.tif
    type: rgb
    voxel_size_um: 0.5
    segmentation: {method: none}
generation: {n_volumes: 2}
models:
  tiny-swd: {training: {steps: 2, selection: null}}  # with the mean values of the image
"""


def test_images_that_are_not_segmented_go_to_the_report(own):
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.standard_normal((3, 150, 160)), (0, 2, 2))
    colours = np.clip(128 + 500 * noise, 0, 255).astype(np.uint8)
    colours[2] //= 2
    iio.imwrite(own.folder / "top.png", colours[0])
    iio.imwrite(own.folder / "side.png", colours[1] // 2 + 60)
    tifffile.imwrite(own.folder / "colours.tif", np.moveaxis(colours, 0, -1), photometric="rgb")
    results = make(own, VALUES)
    table = pd.read_csv(results / "report/metrics.csv")
    means = table[table.metric == "mean_value"].groupby(["material", "model", "phase"])["value"]
    real = means.mean()
    assert real["tiles", "real", "blue"] == pytest.approx(colours[2].mean() / 255, rel=0.15)
    assert real["tiles", "tiny-swd", "blue"] == pytest.approx(colours[2].mean() / 255, abs=0.08)
    assert real["steel", "tiny-swd", "grey"] > 0.2
    volume = tifffile.imread(results / "tiles/tiny-swd/seed-0/generate/volume.tif")
    assert volume.shape == (40, 32, 48, 3)
    assert len(np.unique(volume)) > 20
    grey = tifffile.imread(results / "steel/tiny-swd/seed-0/generate/volume.tif")
    assert grey.shape == (40, 32, 48)
    correlations = pd.read_csv(results / "tiles/compare/s2.csv")
    assert set(correlations["phase"]) == {"red", "green", "blue", "all"}
    assert set(pd.read_csv(results / "steel/compare/s2.csv")["dimension"]) >= {"2d-0", "2d-1"}
    page = (results / "report/index.html").read_text()
    assert "largest autocovariance error over the variance" in page
    assert "The image keeps its values" in page
    assert "segmented image" not in page


GAN3D = """
run: {materials: [rock], models: [tiny-gan3d, tiny-gan2d, tiny-vae-gan, tiny-field], seeds: [0]}
materials:
  rock: {image: rock.tif, type: labels, phases: [pore, grain]}
models:
  tiny-gan3d:
    based_on: gan3d-small
    network:
      generator:
        {channels: [8, 8], kernel_sizes: [4, 4, 4], strides: [1, 2, 2], paddings: [0, 1, 1]}
      critic: {channels: [4, 4], kernel_sizes: [4, 4, 4], strides: [2, 2, 1], paddings: [1, 1, 0]}
    training: {steps: 2, objective: {volumes: 2}}
  tiny-gan2d:
    based_on: gan-64
    network: {image_size: 16, channels: [8, 8, 4], discriminator: {channels: [4, 6]}}
    training: {steps: 2, log_every: 1, objective: {batch: 4}}
  tiny-field: {based_on: gaussian-field, network: {radius: 6}, training: {steps: 40}}
  tiny-vae-gan:
    based_on: vae-gan-64
    network: {image_size: 16, channels: [4, 6], discriminator: {channels: [4, 6]}}
    training: {steps: 2, log_every: 1, objective: {batch: 4, feature_layer: 2}}
generation: {n_volumes: 2, size_voxels: [16, 14, 16], periodic: []}
measure: {metrics: [volume-fraction, two-point-correlation]}
"""


def test_a_volume_is_learned_from_as_a_volume_and_as_images(own):
    field = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((60, 56, 52)), 2)
    tifffile.imwrite(own.folder / "rock.tif", (field > 0).astype(np.uint8))
    results = make(own, GAN3D)
    with h5py.File(results / "rock/encoded/training.h5") as file:
        part = file["training/volume"][()]
    assert part.shape == (45, 56, 52)
    low = np.array_equal(part, (field > 0)[:45])
    assert low or np.array_equal(part, (field > 0)[15:])
    comparison = pd.read_csv(results / "rock/compare/comparison.csv")
    fractions = comparison[
        (comparison.metric == "volume_fraction") & (comparison.dimension == "3d")
    ]
    assert fractions["difference"].notna().all()
    assert set(fractions["model"]) == {"tiny-gan3d", "tiny-field"}
    # The material is what this model describes: a filter of width 2 leaves exp(-r^2 / 16).
    fields = load_generator(results / "rock/tiny-field/seed-0/train/generator.pt").network
    covariances = fields.covariances(fields.kernels(), 0, 4)[0, 4, 4:].detach().numpy()
    np.testing.assert_allclose(covariances, np.exp(-(np.arange(5) ** 2) / 16), atol=0.06)
    for model in ("tiny-gan2d", "tiny-vae-gan"):
        made = read_samples(results / "rock" / model / "seed-0/generate/samples.h5")
        assert made.labels.shape == (6, 14, 14)  # as many as two volumes have middle slices
        mine = comparison[(comparison.model == model) & comparison.difference.notna()]
        assert set(mine["dimension"]) == {"2d"}
        assert set(mine[mine.metric == "volume_fraction"]["n_generated"]) == {6}
        # Of what an untrained model makes, an autocovariance may not fall: then there is no length.
        measured = pd.read_csv(results / "rock" / model / "seed-0/measure/metrics.csv")
        absent = measured[measured["value"].isna()]
        assert set(absent["metric"]) <= {"correlation_length"}
        assert all("autocovariance does not fall" in note for note in absent["note"])
        counts = measured.groupby(["metric", "phase"])["value"].count()
        expected = [counts[key] for key in zip(mine["metric"], mine["phase"], strict=True)]
        assert mine["n_generated"].tolist() == expected
    regressions = pd.read_csv(results / "rock/tiny-vae-gan/seed-0/latent/latent.csv")
    assert set(regressions["property"]) == {"volume_fraction", "correlation_length"}
    assert not (results / "rock/tiny-gan2d/seed-0/latent").exists()
    page = (results / "report/index.html").read_text()
    assert "codes of tiny-vae-gan" in page
    assert all(name in page for name in ("tiny-gan3d", "tiny-gan2d", "tiny-vae-gan"))
    assert "The model makes 2D images: nothing is known of volumes." in page
    assert "closer to the material than Gaussian fields" in page


STACK = """
run: {materials: [lines], models: [tiny-statistics-vae], seeds: [0, 1]}
materials:
  lines:
    synthetic: {kind: lines, shape: [40, 32, 32], seed: 0}
    stack: true
    type: labels
    phases: [ground, line]
models:
  tiny-statistics-vae:
    based_on: statistics-vae-64
    network: {image_size: 32, channels: [4, 6]}
    training: {steps: 2, log_every: 1, objective: {batch: 4}}
generation: {n_volumes: 2, size_voxels: [32, 32, 32], periodic: []}
measure: {metrics: [volume-fraction, two-point-correlation]}
"""


def test_a_stack_of_images_is_learned_from_image_by_image(own):
    results = make(own, STACK)
    with h5py.File(results / "lines/encoded/training.h5") as file:
        assert set(file["training"]) == {"axis-0"}
        assert file["training/axis-0/sections"].shape == (30, 2, 32, 32)
        assert file["held-out/axis-0/sections"].shape == (10, 2, 32, 32)
    comparison = pd.read_csv(results / "lines/compare/comparison.csv")
    assert set(comparison["dimension"]) == {"2d"}
    assert set(comparison["n_real"]) == {4}  # as many as are to be measured
    table = pd.read_csv(results / "report/metrics.csv")
    assert set(table[table.model == "tiny-statistics-vae"]["seed"]) == {0, 1}
    page = (results / "report/index.html").read_text()
    assert "Shown is the image in the middle of the stack." in page
    assert "real volume" not in page


def test_the_seven_materials_make_a_gallery(workflow):
    """At toy size: each is grown, learned and generated, and has its row in the picture."""
    settings = yaml.safe_load((workflow.folder / "config/seven.yaml").read_text())
    for material in settings["materials"].values():
        material["synthetic"]["shape"] = [96, 112, 104]
    settings["material_defaults"] = {"encoding": {"held_out": 0}}
    settings["models"]["slicegan-gallery"] |= {
        "network": {"generator": {"channels": [4] * 7}, "critic": {"channels": [4] * 5}},
        "training": {
            "steps": 2,
            "budget": None,
            "selection": None,
            "match_fractions": False,
            "objective": {
                "volumes": 2,
                "slices_per_axis": 2,
                "warm_up": {"patches": {"number": 64, "directions": 4}},
            },
        },
    }
    settings["generation"] = {"n_volumes": 1, "size_voxels": [48, 40, 56]}
    settings["measure"] = {"metrics": ["volume-fraction"], "max_samples": 2}
    (workflow.folder / "seven.yaml").write_text(yaml.safe_dump(settings))
    run = workflow("gallery", "--cores", "1", "--configfile", "seven.yaml")
    assert run.returncode == 0, run.stdout + run.stderr
    sheet = iio.imread(workflow.folder / "results/report/gallery.png")[..., :3]
    assert sheet.shape[0] > 7 * 150
    heights = np.linspace(0, len(sheet), 8).astype(int)
    for top, bottom in pairwise(heights):
        assert sheet[top:bottom].std() > 20  # no row is empty
    volume = tifffile.imread(
        workflow.folder / "results/e-steel/slicegan-gallery/seed-0/generate/volume.tif"
    )
    assert volume.shape == (48, 40, 56, 3)
