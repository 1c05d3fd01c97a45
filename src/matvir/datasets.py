"""Open data by name: files that are fetched, checked and kept."""

import logging
from pathlib import Path

import pooch
from requests.exceptions import RequestException

from matvir.errors import InputError
from matvir.files import atomic_path, file_hash
from matvir.settings.records import DatasetConfig

logger = logging.getLogger(__name__)

CACHE = Path("resources/datasets")


def fetch(name: str, dataset: DatasetConfig, cache: Path = CACHE) -> Path:
    """Return the file of a dataset, which is fetched unless it is there.

    Parameters
    ----------
    name : str
        What the configuration calls it.
    dataset : DatasetConfig
        Where it is, and which file it has to be.
    cache : Path
        Folder that files of datasets are kept in.

    Raises
    ------
    InputError
        If it cannot be fetched, with what to do instead; if what was fetched is another file, of
        which nothing is kept.
    """
    path = cache / name / dataset.file
    about = name if dataset.description is None else f"{name}, {dataset.description}"
    logger.info("%s; licence: %s; please cite: %s", about, dataset.licence, dataset.citation)
    found = file_hash(path) if path.is_file() else None
    if found == dataset.sha256:
        logger.info("%s: there already, with the SHA-256 that it has to have", path)
        return path
    try:
        _download(dataset, path)
    except InputError as error:
        other = f" The file that is there now has {found}." if found else ""
        raise InputError(f"datasets.{name}: {error}{other}") from error
    logger.info("%s: fetched from %s", path, dataset.url)
    return path


def _download(dataset: DatasetConfig, path: Path) -> None:
    """Fetch a file to ``path`` if it has the right hash."""
    with atomic_path(path) as temporary:
        try:
            pooch.HTTPDownloader()(dataset.url, temporary, None)
        except RequestException as error:
            raise InputError(
                f"{dataset.url} could not be fetched ({error}). Download it where there is a "
                f"network, see that its SHA-256 is {dataset.sha256}, put it at {path.absolute()}, "
                "and run the same command again."
            ) from error
        found = file_hash(temporary)
        if found != dataset.sha256:
            raise InputError(
                f"expected the SHA-256 {dataset.sha256}, got {found}: the file at {dataset.url} "
                "has changed, or the download is broken; nothing of it is kept. Run the same "
                "command again; if the hash stays, look there for what is new, and correct 'url' "
                "or 'sha256'."
            )
