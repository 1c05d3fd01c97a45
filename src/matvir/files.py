"""Writing files so that a reader never sees half of one."""

import errno
import hashlib
import json
import math
import os
import re
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matvir.errors import InputError, MatvirError

# Arrays of no more bytes are decoded whatever the file; others only up to this multiple of it.
# Deflate makes a thousandth of zeros, and nothing makes as little of a real image.
ALWAYS_DECODED, MOST_COMPRESSED = 256_000_000, 2000

# Formats that volumes are written in for other programs; `matvir.formats.TARGETS` has the writers.
TARGET_NAMES = (
    *("tiff", "ome-zarr", "nrrd", "mha", "raw", "vti", "npy", "dream3d"),
    *("stl", "ply", "abaqus", "vtu"),
)
# Suffixes of files that hold several arrays.
HOLD_SEVERAL = (".h5", ".hdf5", ".hdf", ".dream3d", ".npz", ".vti", ".zarr")

# Process numbers of other machines that share the disk say nothing here.
_HOST = re.sub(r"\W", "-", socket.gethostname())


class OutputError(MatvirError, OSError):
    """An output cannot be written."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` when the block ends without an error.

    The temporary file lies in the folder of ``path``, so the final rename is atomic. On an error
    it is removed and an existing ``path`` stays as it was. One that a killed process of this
    machine left is removed by the next that writes ``path``.

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
    with _temporary(path) as temporary:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` when the block ends without an error.

    Parameters
    ----------
    path : Path
        Where the finished folder shall be; one that is there is replaced.

    Yields
    ------
    Path
        An empty folder to write into.
    """
    path = Path(path)
    with _temporary(path) as temporary:
        temporary.mkdir()
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Yield a name beside ``path`` under which nothing is, or is left when the block ends."""
    temporary = path.with_name(f".{path.stem}.{_HOST}-{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        _remove(temporary)
        yield temporary
    except (OSError, RuntimeError) as error:
        explained = _explain(error, path)
        if explained is None:
            raise
        raise explained from error
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, if there is one."""
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files and folders of ``path`` whose processes are gone."""
    ours = re.compile(rf"\.{re.escape(path.stem)}\.{_HOST}-(\d+)\.part{re.escape(path.suffix)}")
    for name in os.listdir(path.parent):
        match = ours.fullmatch(name)
        if match and not _runs(int(match[1])):
            _remove(path.parent / name)


def _runs(process: int) -> bool:
    """Return whether there is such a process, whosever it is."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def require_writable(folder: Path) -> None:
    """Check that files can be written into ``folder``, which is created if it is missing.

    Raises
    ------
    OutputError
        If it is a file, or its permissions forbid it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise (_explain(error, folder) or error) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _forbidden(folder, "permission denied")


def require_space(path: Path, n_bytes: float) -> None:
    """Check before long work that the disk of ``path`` has room for what it will write.

    Raises
    ------
    OutputError
        If fewer than ``n_bytes`` are free.
    """
    free = shutil.disk_usage(_existing_parent(path)).free
    if free < n_bytes:
        raise OutputError(
            f"{path}: needs about {n_bytes / 1e6:.0f} MB, but the disk has {free / 1e6:.0f} MB "
            "free. Free some space, or ask for fewer or smaller volumes."
        )


def require_decodable(path: Path, shape: Sequence[int], item_bytes: int) -> None:
    """Check before an array of a file is decoded that it can be meant, and fits into memory.

    Parameters
    ----------
    path : Path
        The file.
    shape : sequence of int
        What it says of the array.
    item_bytes : int
        Size of one number.

    Raises
    ------
    InputError
        If the array is larger than half of the memory, or so much larger than the file that no
        usual compression makes it of an image.
    """
    n_bytes, on_disk = math.prod(shape) * item_bytes, _bytes_of(path)
    text = f"{path}: states {n_bytes / 1e9:.3g} GB (shape {tuple(shape)})"
    if n_bytes > max(ALWAYS_DECODED, MOST_COMPRESSED * on_disk):
        raise InputError(
            f"{text} in a file of {on_disk} bytes: it is truncated, or made to fill the memory. "
            "Export the image again."
        )
    memory = memory_bytes()
    if n_bytes > memory / 2:
        raise InputError(
            f"{text}, more than half of the {memory / 1e9:.3g} GB of memory. Save a part of it, or "
            "with fewer bits, or use a machine with more memory."
        )


def memory_bytes() -> int:
    """Return the memory of the machine, or of the container."""
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="ascii").strip() if limit.exists() else "max"
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(total, int(text)) if text.isdecimal() else total


def _bytes_of(path: Path) -> int:
    """Return the size of a file, or of all files in a folder."""
    files = (one for one in path.rglob("*") if one.is_file()) if path.is_dir() else (path,)
    return sum(one.stat().st_size for one in files)


def _explain(error: OSError | RuntimeError, path: Path) -> OutputError | None:
    """Turn a full disk or a missing permission into a message that says what to do."""
    # HDF5 wraps the system's error and keeps only its text.
    code, text = getattr(error, "errno", None), str(error)
    if code == errno.ENOSPC or "No space left" in text or f"errno = {errno.ENOSPC}," in text:
        free = shutil.disk_usage(_existing_parent(path)).free / 1e6
        return OutputError(
            f"{path}: no space left on the disk ({free:.0f} MB free). "
            "What was there before is unchanged. Free some space and run the same command again."
        )
    if code in (errno.EACCES, errno.EROFS, errno.EPERM, errno.EEXIST, errno.ENOTDIR):
        return _forbidden(path, os.strerror(code))
    return None


def _forbidden(path: Path, reason: str) -> OutputError:
    return OutputError(
        f"{path}: the folder cannot be written ({reason}). "
        "Change its permissions, remove what is in its way, or run in a folder of your own."
    )


def _existing_parent(path: Path) -> Path:
    return next(parent for parent in path.absolute().parents if parent.exists())


def split_dataset(source: str | Path) -> tuple[Path, str | None]:
    """Return the file of an image source, and the array in it where one is named.

    Parameters
    ----------
    source : str or Path
        A path, or that of a file that holds several arrays with the name of one: ``file.h5:/data``,
        ``file.h5:data`` or ``file.npz:labels``.
    """
    endings = "|".join(suffix[1:] for suffix in HOLD_SEVERAL)
    match = re.fullmatch(rf"(.+?\.(?:{endings})):(.*)", str(source), flags=re.IGNORECASE)
    return (Path(match[1]), match[2]) if match else (Path(source), None)


def link_or_copy(source: Path, path: Path) -> None:
    """Make ``path`` the same file as ``source``, or a copy where two names are not possible."""
    with atomic_path(path) as temporary:
        try:
            os.link(source, temporary)
        except OSError:  # another disk, or another owner
            shutil.copyfile(source, temporary)


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


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal.

    Of a folder, of the names and contents of all files in it.
    """
    if path.is_dir():
        found = hashlib.sha256()
        for one in sorted(path.rglob("*")):
            if one.is_file():
                found.update(f"{one.relative_to(path).as_posix()} {file_hash(one)}\n".encode())
        return found.hexdigest()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
