"""Processes that share work, each with one thread."""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from matvir.errors import ConfigError

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


@contextmanager
def workers(n_workers: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """Start processes that share work.

    Parameters
    ----------
    n_workers : int
        Number of processes, each with one thread; 1 works in this process.

    Yields
    ------
    callable
        Like ``map``; starting the processes takes seconds, so use it for all that there is to do.

    Raises
    ------
    ConfigError
        If there is no worker.
    """
    if n_workers < 1:
        raise ConfigError(f"expected at least 1 worker, got {n_workers}")
    if n_workers == 1:
        yield map
        return
    # Not "fork": a copied process hangs if the parent's libraries had threads running.
    context = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(n_workers, mp_context=context) as pool:
        yield pool.map


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep the libraries of processes that start meanwhile from starting threads of their own.

    They read these variables as they are loaded, which is before any code of ours runs there.
    """
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
