"""Processes that share work."""

import os
import sys

import pytest

from matvir.errors import ConfigError
from matvir.processes import THREAD_VARIABLES, workers


def test_each_worker_starts_with_one_thread_and_the_parent_keeps_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with workers(2) as run:
        assert list(run(os.getenv, THREAD_VARIABLES)) == ["1"] * len(THREAD_VARIABLES)
    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert "MKL_NUM_THREADS" not in os.environ


def test_a_worker_is_a_new_process_and_no_copy_of_this_one(monkeypatch):
    # A copied process hangs if a library of its parent had threads running.
    monkeypatch.setattr(sys, "copied", True, raising=False)
    with workers(2) as run:
        assert list(run(eval, ["hasattr(__import__('sys'), 'copied')"])) == [False]


def test_no_worker_is_refused():
    with pytest.raises(ConfigError, match="at least 1 worker, got 0"), workers(0):
        pass
