"""A real browser, driven through the DevTools protocol over a pipe."""

import base64
import importlib.util
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from matvir.report.page import build_report

FAKES = Path(__file__).resolve().parents[1] / "unit/report/conftest.py"
SECONDS = 120  # a machine may be busy


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Return the runs and the materials of small fake results."""
    spec = importlib.util.spec_from_file_location("fake_report_results", FAKES)
    fakes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fakes)
    return fakes.fake_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="session")
def page(results, tmp_path_factory):
    """Return the page of the fake results."""
    folder = tmp_path_factory.mktemp("page")
    build_report(*results, out=folder / "index.html", metrics_csv=folder / "metrics.csv")
    return folder / "index.html"


class Browser:
    """One page in a headless browser."""

    def __init__(self, chromium, folder, options):
        self.answers, self.events, self.number, self.buffer = {}, [], 0, b""
        to_browser, self.output = os.pipe()
        self.input, from_browser = os.pipe()
        command = [
            chromium,
            "--headless",
            "--no-sandbox",
            "--remote-debugging-pipe",
            f"--user-data-dir={folder / 'profile'}",
            *options,
            "about:blank",
        ]
        # Chromium reads from descriptor 3 and writes to 4.
        shell = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *command],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.session = None
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        """Send a command and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while self.number not in self.answers:
            self._receive()
        answer = self.answers.pop(self.number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _receive(self):
        ready, _, _ = select.select([self.input], [], [], SECONDS)
        assert ready, f"the browser was silent for {SECONDS} s"
        received = os.read(self.input, 2**20)
        assert received, "the browser ended"
        *messages, self.buffer = (self.buffer + received).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.answers[message["id"]] = message
            else:
                self.events.append(message)

    def run(self, script):
        """Run JavaScript in the page and return its value."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, script):
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + SECONDS
        while not self.run(script):
            assert time.monotonic() < end, f"waited {SECONDS} s for {script}"
            time.sleep(0.05)

    def visit(self, page, width=1280):
        """Load a page anew."""
        self.resize(width, 900)
        self.url = page.as_uri()
        self.events.clear()
        self.call("Page.navigate", url=self.url)
        self.wait_for("document.readyState === 'complete'")

    def resize(self, width, height):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def press(self, key, code=0):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, x, y, dx, dy):
        self.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
        for part in (1, 2, 3):
            self.mouse("mouseMoved", x + dx * part / 3, y + dy * part / 3, buttons=1)
        self.mouse("mouseReleased", x + dx, y + dy, button="left", clickCount=1)

    def screenshot(self, path, **options):
        picture = self.call("Page.captureScreenshot", **options)["data"]
        path.write_bytes(base64.b64decode(picture))

    def faults(self):
        """Return what the page said on the console, and its errors."""
        self.run("0")  # what was said before has arrived then
        said = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [event for event in self.events if event["method"] in said]

    def requests(self):
        """Return the addresses of all that the page asked for besides itself and its own data."""
        sent = [one for one in self.events if one["method"] == "Network.requestWillBeSent"]
        urls = [event["params"]["request"]["url"] for event in sent]
        return [url for url in urls if url != self.url and not url.startswith("data:")]

    def close(self):
        os.write(self.output, json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.output)
        os.close(self.input)


@pytest.fixture(scope="module")
def open_browser(tmp_path_factory):
    """Return a function that starts a browser with options; it ends with the module."""
    opened = []

    def start(*options):
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if chromium is None:
            pytest.skip("chromium is not installed")
        opened.append(Browser(chromium, tmp_path_factory.mktemp("browser"), options))
        return opened[-1]

    yield start
    for browser in opened:
        browser.close()
