import logging

from matvir.progress import Progress


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_one_line_per_interval_with_rate_and_time_left(caplog):
    clock = Clock()
    caplog.set_level(logging.INFO, logger="matvir")
    with Progress("training", 100, "steps", done=20, every_seconds=10, clock=clock) as progress:
        for done in (21, 22, 30, 31, 100):
            clock.now += 5
            progress.update(done, f"loss {done}")
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(" of ")[0] for line in lines] == [
        "training: 22",
        "training: 31",
        "training: 100",
    ]
    # 2 steps in 10 s: 0.2 steps/s, so 78 steps take 390 s; steps done before do not count.
    assert lines[0] == "training: 22 of 100 steps, 0.20 steps/s, 390 s left, loss 22"


def test_the_bar_is_for_terminals_only(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress("measuring", 4, "samples") as progress:
        progress.update(4)
    assert "measuring: 100%" in capsys.readouterr().err
