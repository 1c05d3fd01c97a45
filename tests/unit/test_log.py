import subprocess
import sys

import pytest

PROGRAM = """
import sys
from matvir.errors import InputError
from matvir.log import log_to
log_to(sys.argv[1])
raise {error}
"""


def run(path, error):
    command = [sys.executable, "-c", PROGRAM.format(error=error), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("error", "traceback"),
    [("InputError('a.tif: not good')", False), ("RuntimeError('bug')", True)],
)
def test_uncaught_errors_are_in_the_file_and_on_the_terminal(tmp_path, error, traceback):
    path = tmp_path / "logs" / "a.log"
    finished = run(path, error)
    assert finished.returncode == 1
    for text in (path.read_text(), finished.stderr):
        assert ("not good" in text) or ("bug" in text)
        assert ("Traceback" in text) == traceback
