"""Fixtures for all tests."""

import json
import os
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch

from matvir.device import pick_device

mpl.use("Agg")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root():
    """Root of the project."""
    return ROOT


@pytest.fixture(scope="session")
def killing():
    """Return a function that returns an environment in which trainings are killed."""
    killer = str(ROOT / "tests/killer")  # says how

    def environment(how):
        path = os.pathsep.join(filter(None, [killer, os.environ.get("PYTHONPATH")]))
        return os.environ | {"PYTHONPATH": path, "KILL_TRAININGS": json.dumps(how)}

    return environment


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real micrographs and volumes; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the folder of real data is absent: {folder}")
    return folder


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """Each place where networks can be; a GPU as the pipeline sets it up."""
    if request.param == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return pick_device()


@pytest.fixture
def rng():
    """Return a seeded random generator."""
    return np.random.default_rng(0)
