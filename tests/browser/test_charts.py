"""Values under the cursor in a real browser."""

import pytest

from matvir.report.page import SECTIONS

pytestmark = pytest.mark.browser

SECTION = {section.name: f"#m1-{section.name}" for section in SECTIONS}
VISIBLE = "[...document.querySelectorAll('{} .readout')].filter((one) => !one.hidden)"


@pytest.fixture(scope="module")
def browser(page, open_browser):
    opened = open_browser("--disable-gpu", "--disable-3d-apis")
    opened.page = page
    return opened


def place(browser, section, across):
    """Return where in the window a part of the first chart of a section is."""
    return browser.run(
        f"""(() => {{
          const svg = document.querySelector("{SECTION[section]} figure.chart svg");
          svg.scrollIntoView({{behavior: "instant", block: "center"}});
          const box = svg.getBoundingClientRect();
          return [box.left + {across} * box.width, box.top + box.height / 2];
        }})()"""
    )


def readouts(browser, section):
    shown = VISIBLE.format(SECTION[section])
    return browser.run(f"{shown}.map((one) => [...one.children].map((line) => line.textContent))")


def press(browser, section, key):
    chart = f"document.querySelector('{SECTION[section]} figure.chart')"
    browser.run(f"{chart}.focus({{preventScroll: true}})")
    browser.press(key)


@pytest.mark.parametrize("width", [1280, 390])
def test_curves_of_a_kind_show_the_same_distance(browser, width):
    browser.visit(browser.page, width)
    browser.mouse("mouseMoved", *place(browser, "correlation", 0.5))
    found = readouts(browser, "correlation")
    assert len(found) > 1
    assert len({lines[0] for lines in found}) == 1
    assert found[0][0].startswith("distance r")
    assert found[0][1].startswith("real: ")
    browser.mouse("mouseMoved", 1, 1)
    assert readouts(browser, "correlation") == []
    assert browser.faults() == []


def test_a_box_says_its_numbers_and_its_side_stands_out(browser):
    browser.visit(browser.page)
    browser.mouse("mouseMoved", *place(browser, "boxes", 0.35))
    ((head, line),) = readouts(browser, "boxes")
    assert head
    assert "median" in line
    faint = f"document.querySelectorAll('{SECTION['boxes']} .faint').length"
    assert browser.run(faint) > 0
    browser.mouse("mouseMoved", 1, 1)
    assert browser.run(faint) == 0


def test_a_finger_shows_values_that_stay(browser):
    browser.visit(browser.page, 390)
    x, y = place(browser, "correlation", 0.5)
    touch = [{"x": x, "y": y}]
    browser.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=touch)
    browser.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert readouts(browser, "correlation")
    live = f"{VISIBLE.format(SECTION['correlation'])}.filter((one) => one.role === 'status').length"
    assert browser.run(live) == 1


def test_the_keyboard_goes_through_the_values(browser):
    browser.visit(browser.page)
    seen = []
    for key in ("ArrowRight", "ArrowRight", "End", "ArrowRight", "Home", "ArrowLeft"):
        press(browser, "correlation", key)
        seen.append(readouts(browser, "correlation")[0][0])
    first, second, last, still, home, stays = seen
    assert len({first, second, last}) == 3
    assert (still, stays) == (last, home)
    assert home not in (second, last)
    press(browser, "correlation", "Escape")
    assert readouts(browser, "correlation") == []
    assert browser.faults() == []
