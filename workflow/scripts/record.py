"""Record what a run was given and what it made (rule ``record``)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matvir.comparison.verification import record
from matvir.files import write_json
from matvir.log import log_to


def main(
    settings: Mapping[str, Any], images: Mapping[str, Path], results: Sequence[Path], out: Path
) -> None:
    """Write the record."""
    write_json(out, record(settings, images, results))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        settings=snakemake.params.settings,
        images=dict(zip(snakemake.params.names, map(Path, snakemake.input.images), strict=True)),
        results=[Path(path) for path in snakemake.input.results],
        out=Path(snakemake.output.record),
    )
