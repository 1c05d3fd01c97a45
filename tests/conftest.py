"""Fixtures for all tests."""

import json
import os
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import matplotlib as mpl
import numpy as np
import pytest
import torch

from matvir.device import pick_device

mpl.use("Agg")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root():
    """Root of the project."""
    return ROOT


@pytest.fixture(scope="session")
def killing():
    """Return a function that returns an environment in which trainings are killed."""
    killer = str(ROOT / "tests/killer")  # says how

    def environment(how):
        path = os.pathsep.join(filter(None, [killer, os.environ.get("PYTHONPATH")]))
        return os.environ | {"PYTHONPATH": path, "KILL_TRAININGS": json.dumps(how)}

    return environment


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real micrographs and volumes; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the folder of real data is absent: {folder}")
    return folder


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """Each place where networks can be; a GPU as the pipeline sets it up."""
    if request.param == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return pick_device()


@pytest.fixture
def rng():
    """Return a seeded random generator."""
    return np.random.default_rng(0)


class Mirror(ThreadingHTTPServer):
    """A folder that is served to this machine alone, and what was asked of it."""

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), partial(Asked, directory=str(folder)))
        self.folder, self.asked, self.send_half = folder, [], False
        self.address = "http://{}:{}".format(*self.server_address)
        self.thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self):
        self.shutdown()
        self.server_close()
        self.thread.join()


class Asked(SimpleHTTPRequestHandler):
    """Answers of a mirror."""

    def log_request(self, *args):
        self.server.asked.append(self.path)

    def log_message(self, *args):
        pass

    def copyfile(self, source, outputfile):
        content = source.read()
        outputfile.write(content[: len(content) // 2] if self.server.send_half else content)


@pytest.fixture
def mirror(tmp_path_factory, monkeypatch):
    """Serve a folder over HTTP."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Mirror(tmp_path_factory.mktemp("mirror"))
    yield server
    server.close()
