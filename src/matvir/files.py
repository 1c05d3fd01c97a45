"""Writing files so that a reader never sees half of one."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matvir.errors import MatvirError


class OutputError(MatvirError, OSError):
    """An output cannot be written."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` when the block ends without an error.

    The temporary file lies in the folder of ``path``, so the final rename is atomic. On an error
    it is removed and an existing ``path`` stays as it was.

    Parameters
    ----------
    path : Path
        Where the finished file shall be; its folder is created.

    Yields
    ------
    Path
        Where to write; has the same suffix as ``path``.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise _explain(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def _explain(error: OSError, path: Path) -> OSError:
    """Turn a full disk or a missing permission into a message that says what to do."""
    # HDF5 wraps the system's error and may keep only its text.
    text = str(error)
    if error.errno == errno.ENOSPC or "No space left" in text:
        free = shutil.disk_usage(_existing_parent(path)).free / 1e6
        return OutputError(
            f"{path}: no space left on the disk ({free:.0f} MB free). "
            "What was there before is unchanged. Free some space and run the same command again."
        )
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return OutputError(
            f"{path}: the folder cannot be written ({os.strerror(error.errno)}). "
            "Change its permissions or run in a folder of your own."
        )
    return error


def _existing_parent(path: Path) -> Path:
    return next(parent for parent in path.absolute().parents if parent.exists())


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` to ``path`` atomically as indented JSON with sorted keys."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))
