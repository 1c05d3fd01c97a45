"""Signals that ask a training to end: noticed between its steps, so that its state is saved.

Schedulers send SIGTERM before they kill a job whose time is over or whose place another one needs;
a terminal sends SIGINT for Ctrl-C.
"""

import signal
import threading
from types import FrameType, TracebackType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """While entered, SIGTERM and SIGINT end nothing but are noticed.

    The second one acts as it would have before: a step may take longer than someone wants to wait.
    Outside the main thread, where Python handles no signals, nothing is noticed.

    Attributes
    ----------
    signal : str or None
        Name of the signal that came, if one did.
    """

    def __init__(self) -> None:
        self.signal: str | None = None
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            # What is ignored, as Ctrl-C is by jobs in the background, stays so.
            known = {one: signal.getsignal(one) for one in SIGNALS}
            heard = [one for one, handler in known.items() if handler not in (signal.SIG_IGN, None)]
            self._before = {one: signal.signal(one, self._notice) for one in heard}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    def _notice(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number).name
        self._restore()

    def _restore(self) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)
        self._before = {}
