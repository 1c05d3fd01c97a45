"""Logging of scripts: one file per job, and the terminal."""

import logging
import sys
from pathlib import Path
from types import TracebackType

from matvir.errors import MatvirError

LINE = "%(asctime)s %(levelname)s %(message)s"


def log_to_terminal() -> None:
    """Send the package's log to stderr."""
    _send_to(logging.StreamHandler(sys.stderr))


def log_to(path: str | Path) -> None:
    """Send the package's log to ``path`` and to stderr, uncaught errors included.

    Errors that are about the user's input are logged as one line without a traceback.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _send_to(logging.FileHandler(path, mode="w"), logging.StreamHandler(sys.stderr))
    sys.excepthook = _log_uncaught


def _send_to(*handlers: logging.Handler) -> None:
    logger = logging.getLogger("matvir")
    logger.setLevel(logging.INFO)
    # Snakemake gives the root logger a handler of its own, which would say everything twice.
    logger.propagate = False
    logger.handlers.clear()
    for handler in handlers:
        handler.setFormatter(logging.Formatter(LINE, datefmt="%H:%M:%S"))
        logger.addHandler(handler)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    logger = logging.getLogger("matvir")
    if issubclass(kind, MatvirError):
        logger.error("%s", error)
    else:
        logger.critical("Unexpected error", exc_info=(kind, error, traceback))
