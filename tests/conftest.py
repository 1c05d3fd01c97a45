"""Fixtures for all tests."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root():
    """Root of the project."""
    return ROOT


@pytest.fixture
def shared_data():
    """Folder of real micrographs and volumes; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the folder of real data is absent: {folder}")
    return folder


@pytest.fixture
def rng():
    """Return a seeded random generator."""
    return np.random.default_rng(0)
