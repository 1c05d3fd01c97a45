"""What Snakemake says to people: one line per stage, and why a stage failed.

Snakemake finds this package by its name: ``snakemake --logger matvir``; `matvir run` uses it.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from matvir.report.wording import duration

# Stages that are done so soon say nothing of their time.
WORTH_TELLING = 5.0
# What says nothing new: of inputs that are folders, which nothing is wrong with, and what follows
# when a job has said why it failed.
NOTHING_NEW = (
    "The flag 'directory'",
    "RuleException:\nCalledProcessError",
    "Exiting because a job execution failed",
    "WorkflowError:\nAt least one job did not complete",
)


class LogHandler(LogHandlerBase):
    """Prints stages as they begin and end, on stderr as jobs do."""

    stream: TextIO
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        """Start with nothing done."""
        self.stream, self.clock = sys.stderr, time.monotonic
        self.total, self.begun = 0, 0
        self.running: dict[int, tuple[str, float]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Print what a person wants to know of a record."""
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            # The last rule makes nothing: it is there to be asked for.
            stats = dict(record.__dict__.get("stats", {}))
            self.total = stats.pop("total", sum(stats.values())) - stats.get("all", 0)
        elif event == LogEvent.JOB_INFO:
            self._begin(record.__dict__)
        elif event == LogEvent.JOB_FINISHED:
            self._end(record.__dict__["job_id"])
        elif event == LogEvent.JOB_ERROR:
            self._fail(record.__dict__)
        elif record.levelno >= logging.WARNING:
            text = record.getMessage()
            if not text.startswith(NOTHING_NEW):
                self._say(text)

    def _begin(self, job: dict[str, Any]) -> None:
        if job["rule_name"] == "all":
            return
        self.begun += 1
        what = job["rule_msg"] or f"{job['rule_name']}."
        self.running[job["jobid"]] = (what, self.clock())
        self._say(f"[{self.begun}/{self.total}] {what}")

    def _end(self, number: int) -> None:
        now = self.clock()
        what, started = self.running.pop(number, ("", now))
        seconds = now - started
        if seconds >= WORTH_TELLING:
            self._say(f"      done in {duration(seconds)}: {what}")

    def _fail(self, job: dict[str, Any]) -> None:
        what, _ = self.running.pop(job["jobid"], (f"{job['rule_name']}.", 0.0))
        self._say(f"      failed: {what} Its log: {', '.join(map(str, job.get('log') or ()))}")

    def _say(self, text: str) -> None:
        print(text, file=self.stream, flush=True)

    @property
    def writes_to_stream(self) -> bool:
        """Whether it writes to the terminal."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Whether it writes to a file."""
        return False

    @property
    def has_filter(self) -> bool:
        """Whether it chooses records by itself."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Whether it formats records by itself."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Whether it needs to know which rules need which."""
        return False
