"""Whether anything is lost when processes are killed at random: a campaign, and its tally.

Run it as ``python benchmarks/faults.py [--kills 200] [--seed 0]``; the table goes to
``benchmarks/results/``. The toy configuration of the tests runs once undisturbed. Then it runs
again and again in another copy of the workflow while its jobs are killed, each at a random moment
of its work, by SIGKILL or SIGTERM; Snakemake starts them anew. Now and then the whole run is
killed, Snakemake included, unlocked and started again. After each round every result must be what
the undisturbed run made, to the last bit, and nothing besides may lie there. Only measured seconds
are left out, and the record of hashes of files that state them.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from pipeline import SETTINGS, copy_workflow
from table import write_table

SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM}
WHOLE_RUN = "snakemake and its jobs"
# Of all kills; and how likely an attempt of a job is not killed, so that the run gets on.
SHARE_OF_WHOLE_RUNS, SPARED = 0.1, 0.25
# A job is killed up to this many times its usual length after it began: some end before.
LONGEST_WAIT = 1.0
POLL_SECONDS = 0.02
# Of a step, in files for programs, and of the training too, on the page.
SECONDS = re.compile(
    rb"(?<=seconds_per_step)(?:\"|&#34;): [0-9.e+-]+"
    rb"|(?<=<dt>time per step</dt><dd>)[^<]+|(?<=<dt>training time</dt><dd>)[^<]+"
)
SCRIPT = re.compile(r"\.snakemake/scripts/tmp\w+\.(\w+)\.py")


@dataclass
class Tally:
    """What was killed by which signal, and what was found amiss."""

    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    rounds: int = 0
    differing: list[str] = field(default_factory=list)


def fingerprint(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file under ``results``, hidden ones included."""
    results = folder / "results"
    return {
        str(path.relative_to(results)): hashlib.sha256(timeless(path)).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.is_file()
    }


def timeless(path: Path) -> bytes:
    """Return the content of a file without the seconds that a training took."""
    content = path.read_bytes()
    if path.name == "record.json":
        recorded = json.loads(content)
        return json.dumps(recorded | {"results": sorted(recorded["results"])}).encode()
    if path.suffix in (".json", ".jsonl", ".html"):
        return SECONDS.sub(b"", content)
    return content


@contextmanager
def snakemake(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run Snakemake in ``folder`` as the leader of a group of processes."""
    program = str(Path(sys.executable).with_name("snakemake"))
    command = [program, "--cores", "2", "--configfile", SETTINGS.name, *arguments]
    with (
        open(folder / "snakemake.log", "ab") as log,
        subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True
        ) as run,
    ):
        yield run


def jobs_of(group: int) -> dict[int, str]:
    """Return the rules of the scripts that run in a group of processes, by process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().decode(errors="replace")
            if os.getpgid(int(path.name)) == group and (match := SCRIPT.search(command)):
                found[int(path.name)] = match[1]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def undisturbed(folder: Path) -> dict[str, float]:
    """Run to the end; return how long the longest job of each rule took in seconds."""
    seen: dict[int, tuple[str, float]] = {}
    longest: dict[str, float] = {}
    with snakemake(folder) as run:
        while run.poll() is None:
            for process, rule in jobs_of(run.pid).items():
                _, since = seen.setdefault(process, (rule, time.monotonic()))
                longest[rule] = max(longest.get(rule, 0.0), time.monotonic() - since)
            time.sleep(POLL_SECONDS)
    if run.returncode != 0:
        raise SystemExit(f"the undisturbed run failed, see {folder / 'snakemake.log'}")
    return longest


def disturb(
    run: subprocess.Popen[bytes],
    usual: dict[str, float],
    tally: Tally,
    n_kills: int,
    random: np.random.Generator,
) -> bool:
    """Kill jobs, or all, at random until the run ends; return whether it ended by itself."""
    due: dict[int, float] = {}
    while run.poll() is None:
        now = time.monotonic()
        for process, rule in jobs_of(run.pid).items():
            if process not in due:
                wait = random.uniform(0, LONGEST_WAIT * usual[rule])
                due[process] = np.inf if random.random() < SPARED else now + wait
            if now < due[process] or tally.kills.total() >= n_kills:
                continue
            name = str(random.choice(list(SIGNALS)))
            if random.random() < SHARE_OF_WHOLE_RUNS:
                tally.kills[WHOLE_RUN, "SIGKILL"] += 1
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
                return False
            due[process] = np.inf
            tally.kills[rule, name] += 1
            os.kill(process, SIGNALS[name])
        time.sleep(POLL_SECONDS)
    return True


def run_to_the_end(
    folder: Path,
    usual: dict[str, float],
    tally: Tally,
    n_kills: int,
    random: np.random.Generator,
) -> None:
    """Run while jobs are killed, and again as often as the whole run is."""
    ended = False
    while not ended:
        with snakemake(folder, "--unlock"):
            pass
        with snakemake(folder, "--rerun-incomplete", "--retries", "1000") as run:
            ended = disturb(run, usual, tally, n_kills, random)
    if run.returncode != 0:
        raise SystemExit(f"a disturbed run failed, see {folder / 'snakemake.log'}")


def main() -> None:
    """Run the campaign and write its tally."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random, tally = np.random.default_rng(arguments.seed), Tally()
    with tempfile.TemporaryDirectory() as name:
        calm, rough = Path(name) / "calm", Path(name) / "rough"
        for folder in (calm, rough):
            copy_workflow(folder)
        usual, expected = undisturbed(calm), fingerprint(calm)
        while tally.kills.total() < arguments.kills:
            shutil.rmtree(rough / "results", ignore_errors=True)
            run_to_the_end(rough, usual, tally, arguments.kills, random)
            found = fingerprint(rough)
            tally.rounds += 1
            names = sorted(expected.keys() | found.keys())
            tally.differing += [key for key in names if expected.get(key) != found.get(key)]
            print(f"{tally.kills.total()} kills, {len(tally.differing)} files differ", flush=True)
    rows = [
        {"what": what, **{name: tally.kills[what, name] for name in SIGNALS}}
        for what in sorted({what for what, _ in tally.kills})
    ]
    rows.append({"what": "all", **{n: sum(row[n] for row in rows) for n in SIGNALS}})
    amiss = ", ".join(sorted(set(tally.differing))) or "none"
    write_table(
        "faults",
        pd.DataFrame(rows),
        f"{tally.kills.total()} kills in {tally.rounds} rounds of the toy configuration of the "
        f"tests, {len(expected)} files each. Files that differed from those of an undisturbed run, "
        f"were missing or left over: {amiss}.",
        libraries=("snakemake", "torch"),
    )
    if tally.differing:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
