"""How long the page takes, and how large it is, by number of materials and models.

Run it as ``python benchmarks/page.py [--results results] [--threads 2]`` after a run of one
material and one model, such as ``make demo``: what was made is shown as often as is asked for,
under other names. The table goes to ``benchmarks/results/``. It needs no torch.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import h5py
import pandas as pd
from table import write_table

from matvir.comparison.run import TABLES
from matvir.files import atomic_path
from matvir.report.page import build_report
from matvir.report.results import MaterialFiles, RunFiles

ASKED = ((1, 1), (1, 6), (20, 6))


def of_one_run(results: Path) -> tuple[MaterialFiles, RunFiles]:
    """Return the files of the first material and run below a folder of results."""
    run = next(iter(sorted(results.glob("*/*/seed-*"))))
    seed, model, material = (
        int(run.name.removeprefix("seed-")),
        run.parent.name,
        run.parents[1].name,
    )
    home = results / material
    truth = home / "raw/reference.h5"
    return MaterialFiles(
        name=material,
        synthetic=True,
        labels=home / "segmented/labels.h5",
        segmentation=home / "segmented/segmentation.json",
        sheet=home / "segmented/sheet.png",
        reference=truth if truth.exists() else None,
        metrics=home / "real/measure/metrics.csv",
        curves=home / "real/measure/curves.h5",
        tables={name: home / f"compare/{name}.csv" for name in TABLES},
        telling=home / "compare/telling.h5",
        intervals=home / "compare/intervals.csv",
    ), RunFiles(
        material=material,
        model=model,
        seed=seed,
        history=run / "train/history.jsonl",
        config=run / "train/config.json",
        samples=run / "generate/samples.h5",
        metrics=run / "measure/metrics.csv",
        curves=run / "measure/curves.h5",
    )


def repeated(
    material: MaterialFiles, run: RunFiles, n_models: int, folder: Path
) -> tuple[MaterialFiles, list[RunFiles]]:
    """Return a material whose one run stands for several models."""
    names = [f"{run.model}-{number}" for number in range(n_models)]

    def table(path: Path) -> Path:
        """Write rows of all models for those of one."""
        rows = pd.read_csv(path)
        found = folder / path.name
        with atomic_path(found) as temporary:
            pd.concat([rows.assign(model=name) for name in names]).to_csv(temporary, index=False)
        return found

    telling = folder / "telling.h5"
    with h5py.File(material.telling) as source, h5py.File(telling, "w") as target:
        for name in names:
            source.copy(
                f"{run.model}/seed-{run.seed}", target.require_group(name), f"seed-{run.seed}"
            )
    shown = replace(
        material,
        tables={name: table(path) for name, path in material.tables.items()},
        intervals=table(material.intervals),
        telling=telling,
    )
    return shown, [replace(run, model=name) for name in names]


def main() -> None:
    """Build the pages and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    material, run = of_one_run(options.results)
    lines = []
    for n_materials, n_models in ASKED:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            shown, runs = repeated(material, run, n_models, folder)
            names = [f"{material.name}-{number}" for number in range(n_materials)]
            began = time.perf_counter()
            build_report(
                [replace(one, material=name) for name in names for one in runs],
                [replace(shown, name=name) for name in names],
                out=folder / "index.html",
                metrics_csv=folder / "metrics.csv",
                processes=options.threads,
            )
            lines.append(
                {
                    "materials": n_materials,
                    "models": n_models,
                    "seconds": f"{time.perf_counter() - began:.1f}",
                    "MB": f"{(folder / 'index.html').stat().st_size / 1e6:.1f}",
                }
            )
    write_table(
        "page",
        pd.DataFrame(lines),
        f"Time of building the page from results that are there, in {options.threads} processes, "
        f"and its size. One run of {material.name} is shown as often as is asked for.",
        libraries=("numpy", "pandas", "matplotlib", "jinja2"),
    )


if __name__ == "__main__":
    main()
