"""Snakemake that asks Slurm for its jobs every second.

Its plugin waits longer from question to question, as clusters that many share want it: of a run of
short jobs, one after the other, that would be most of the time.
"""

import sys

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

SECONDS = 1
ask = Executor.check_active_jobs


async def ask_soon(self, jobs):
    async for job in ask(self, jobs):
        yield job
    self.next_seconds_between_status_checks = SECONDS


if __name__ == "__main__":
    Executor.check_active_jobs = ask_soon
    sys.exit(main())
