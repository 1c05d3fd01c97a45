"""The report in a real browser: complete, without console errors and without the network."""

import json
import re
import shutil
import subprocess

import pytest

from matvir.report.page import SECTIONS

pytestmark = pytest.mark.browser


def browse(page, folder, *options):
    """Open a page in a fresh headless browser; returns its DOM, its log and its network log."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed")
    net_log = folder / "net.json"
    result = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--v=0",
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={net_log}",
            *options,
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return result.stdout, result.stderr, json.loads(net_log.read_text())


@pytest.fixture(scope="module")
def visit(page, tmp_path_factory):
    return browse(page, tmp_path_factory.mktemp("visit"))


def console_messages(log):
    return [line for line in log.splitlines() if "CONSOLE" in line]


def requested(net_log):
    """Return the addresses of all requests that the page made.

    The browser's own errands (its clock, its updates) come from no page: "not an origin".
    """
    started = net_log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    requests = [event.get("params", {}) for event in net_log["events"] if event["type"] == started]
    return [
        request["url"]
        for request in requests
        if "url" in request and request.get("initiator") != "not an origin"
    ]


def test_all_sections_are_there(visit):
    dom = visit[0]
    for number in (1, 2):
        for key, title in ((one.name, one.title) for one in SECTIONS):
            assert re.search(rf'id="m{number}-{key}">\s*<h3>{re.escape(title)}</h3>', dom)


def test_the_console_is_silent(visit):
    assert console_messages(visit[1]) == []


def test_nothing_in_a_name_is_run(visit):
    """Materials, models and phases of the page are called as what would set its title."""
    title = re.search(r"<title>(.*?)</title>", visit[0])[1]
    assert "MatVir" in title or "material" in title, title
    assert title not in ("1", "2")


def test_no_request_leaves_the_machine(visit):
    assert requested(visit[2]) == []


def test_a_fault_of_a_page_would_be_seen(tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text(
        '<title>a</title><img src="http://127.0.0.1:9/a.png" onerror=document.title=1>'
        "<script>missing();</script>",
        encoding="utf-8",
    )
    dom, log, net_log = browse(broken, tmp_path)
    assert "<title>1</title>" in dom
    assert any("missing is not defined" in line for line in console_messages(log))
    assert "http://127.0.0.1:9/a.png" in requested(net_log)


def test_tables_sort_and_filter(page, tmp_path):
    script = """
    <script>
      const table = document.querySelector("table.comparison");
      table.tHead.rows[0].cells[7].firstElementChild.click();
      const keys = [...table.tBodies[0].rows].map((row) => row.cells[7].dataset.key);
      const select = document.querySelector("select.dimension");
      select.value = "3D";
      select.dispatchEvent(new Event("change"));
      const shown = [...table.tBodies[0].rows].filter((row) => !row.hidden);
      document.title = JSON.stringify({keys, dims: shown.map((row) => row.cells[0].textContent)});
    </script>
    """
    driven = tmp_path / "driven.html"
    driven.write_text(
        page.read_text(encoding="utf-8").replace("</body>", f"{script}</body>"), encoding="utf-8"
    )
    dom, log, _ = browse(driven, tmp_path)
    assert console_messages(log) == []
    found = json.loads(re.search("<title>(.*?)</title>", dom).group(1).replace("&quot;", '"'))
    numbers = [float(key) for key in found["keys"] if key]
    assert numbers == sorted(numbers)
    assert len(numbers) > 5
    assert found["keys"][len(numbers) :] == [""] * (len(found["keys"]) - len(numbers))
    assert set(found["dims"]) == {"3D"}
