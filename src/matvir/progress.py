"""Progress of long work: a bar on a terminal, one log line per interval in a job."""

import logging
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

logger = logging.getLogger(__name__)


class Progress:
    """Shows how much of ``total`` is done, the rate and the time left.

    Parameters
    ----------
    title : str
        What is being done.
    total : int
        Number of units in all.
    unit : str
        Name of a unit.
    done : int
        Units that were done before.
    every_seconds : float
        Shortest time between two log lines where there is no terminal.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(
        self,
        title: str,
        total: int,
        unit: str,
        *,
        done: int = 0,
        every_seconds: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done, self.first = done, done
        self.every_seconds, self.clock = every_seconds, clock
        self.started = self.last_line = clock()
        self.bar = self._bar() if sys.stderr.isatty() else None

    def _bar(self) -> Any:
        from tqdm import tqdm  # no machine without a terminal needs it

        return tqdm(total=self.total, initial=self.done, desc=self.title, unit=self.unit)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.close()

    def update(self, done: int, note: str = "") -> None:
        """Say that ``done`` units are done in all; ``note`` holds the newest numbers."""
        if self.bar is not None:
            self.bar.set_postfix_str(note, refresh=False)
            self.bar.update(done - self.done)
        self.done = done
        now = self.clock()
        if self.bar is None and (now - self.last_line >= self.every_seconds or done == self.total):
            self.last_line = now
            logger.info("%s", self.line(now, note))

    def show(self, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` units are done; the form that many functions call back."""
        self.total = total
        self.update(done)

    def line(self, now: float, note: str) -> str:
        """Return one line with share, rate and time left."""
        rate = (self.done - self.first) / max(now - self.started, 1e-9)
        left = (self.total - self.done) / rate if rate > 0 else float("inf")
        text = (
            f"{self.title}: {self.done} of {self.total} {self.unit}, "
            f"{rate:.2f} {self.unit}/s, {left:.0f} s left"
        )
        return f"{text}, {note}" if note else text
