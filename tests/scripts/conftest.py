"""Fixtures for the tests of the workflow's scripts."""

import importlib.util

import pytest


@pytest.fixture
def script(root):
    """Return a function that imports the script of this name as a module."""

    def load(name):
        path = root / "workflow" / "scripts" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"workflow_scripts_{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
