"""What the pipeline costs besides its work: planning, finding nothing to do, starting a job.

Run it as ``python benchmarks/pipeline.py`` after ``make demo``, whose results it finds complete;
the table goes to ``benchmarks/results/``. Nothing is computed and no file of the results changes.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
from table import write_table

ROOT = Path(__file__).resolve().parents[1]
DEMO = ("--configfile", "config/demo.yaml", "--cores", "2")
REPEATS = 3
# What a job does before its own code: Snakemake starts it anew and it loads what it uses.
COMMANDS = {
    "snakemake -n": (*DEMO, "-n", "--quiet"),
    "snakemake, nothing to do": (*DEMO, "--quiet"),
}
IMPORTS = {
    "a job that trains or generates: imports": "import matvir.training.loop",
    "a job that measures: imports": "import matvir.metrics.measure",
    "a job that reports: imports": "import matvir.report.page",
}


def seconds(command: list[str]) -> float:
    """Return the median time of a command."""
    found = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def main() -> None:
    """Time planning and imports."""
    if not (ROOT / "results/report/index.html").exists():
        print("skipped: no results of the demo; run `make demo` first")
        return
    python = sys.executable
    rows = [
        {"what": name, "seconds": f"{seconds([python, '-m', 'snakemake', *arguments]):.2f}"}
        for name, arguments in COMMANDS.items()
    ]
    rows += [
        {"what": name, "seconds": f"{seconds([python, '-c', statement]):.2f}"}
        for name, statement in IMPORTS.items()
    ]
    note = f"Of the demo, {DEMO[-1]} cores, medians of {REPEATS}."
    write_table("pipeline", pd.DataFrame(rows), note, libraries=("snakemake", "torch", "porespy"))


if __name__ == "__main__":
    main()
