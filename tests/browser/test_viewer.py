"""The interactive view in a real browser: what it draws, and what is there where it cannot run."""

import base64
import time
from types import SimpleNamespace

import imageio.v3 as iio
import numpy as np
import pytest

import matvir.report.page
import matvir.report.viewer
from matvir.metrics.triple_phase_boundary import triple_phase_boundary_density
from matvir.report.matrix import MatrixRow
from matvir.report.page import MaterialView, Section, render
from matvir.report.palette import phase_rgb
from matvir.report.results import read_material
from matvir.report.viewer import connected_through, interactive_view
from matvir.report.volumes import real_volume
from matvir.storage.image_types import COLOUR, GREY, PHASES
from matvir.storage.images import MaterialImage, Specimen

pytestmark = pytest.mark.browser

SOFTWARE_WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
NO_WEBGL = ("--disable-gpu", "--disable-3d-apis")
VIEWER = "document.querySelector('[data-viewer]')"
SHOWN = f"!{VIEWER}.querySelector('[data-part=tool]').hidden"
TAB = 9


def element(selector, number=0):
    return f"{VIEWER}.querySelectorAll({selector!r})[{number}]"


def canvas(part, side):
    return element(f"[data-side={side}] [data-part={part}]")


def pixels(browser, part, side):
    """Return what a canvas shows, shape (height, width, 4), uint8."""
    uri = browser.run(f"{canvas(part, side)}.toDataURL()")
    image = iio.imread(base64.b64decode(uri.split(",")[1]))
    return image if image.shape[-1] == 4 else np.dstack([image, np.full(image.shape[:2], 255)])


def settled(browser, part="space", side="left"):
    """Return what a canvas shows as soon as it no longer changes."""
    before = None
    for _ in range(60):
        time.sleep(0.3)  # longer than the pause before a fine picture is drawn
        after = pixels(browser, part, side)
        if before is not None and np.array_equal(before, after):
            return after
        before = after
    raise AssertionError("the picture went on changing")


def set_value(browser, selector, value, number=0):
    browser.run(
        f"""(() => {{
          const control = {element(selector, number)};
          control.value = {value!r};
          control.dispatchEvent(new Event("input", {{bubbles: true}}));
          return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        }})()"""
    )


def click(browser, selector, number=0):
    browser.run(f"{element(selector, number)}.click()")


def middle(browser, part, side):
    """Return the middle of a canvas after scrolling to it, in pixels of the window."""
    return browser.run(
        f"""(() => {{
          {canvas(part, side)}.scrollIntoView({{block: "center", behavior: "instant"}});
          const box = {canvas(part, side)}.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2];
        }})()"""
    )


@pytest.fixture(scope="module")
def volumes(results):
    """Return the two volumes that the page shows at first: real and generated."""
    runs, materials = results
    mine = [run for run in runs if run.material == materials[0].name]
    material = read_material(materials[0], mine)
    return {"left": real_volume(material)[1], "right": material.runs[0].volume}


def page_of(material, path):
    """Write a page that has nothing but the interactive view of a material."""
    section = Section("viewer", "Interactive view", interactive_view)
    shown = MaterialView(
        name=material.name,
        synthetic=False,
        has_reference=True,
        labelled=material.kind.labelled,
        dimensions=[],
        dimension_names=[],
        runs=[],
        matrix=MatrixRow(real=None, cells={}),
        views={"viewer": interactive_view(material)},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matvir.report.page, "SECTIONS", (section,))
        path.write_text(render([shown]), encoding="utf-8")
    return path


def material_of(volume, kind, edges):
    """Return a material whose real volume and whose only generated one are the same."""
    image = MaterialImage(
        voxels=volume,
        phases=kind.channels or ("pore", "solid", "binder"),
        voxel_size_um=edges,
        kind=kind,
    )
    run = SimpleNamespace(name="same", volume=volume, volumes=volume[None], images=None)
    return SimpleNamespace(
        name="small",
        synthetic=False,
        specimen=Specimen.of(image),
        reference=image,
        runs=[run],
        phases=image.phases,
        kind=kind,
    )


@pytest.fixture(scope="module")
def browser(open_browser):
    return open_browser(*SOFTWARE_WEBGL)


@pytest.fixture
def view(browser, page):
    """Return a browser that shows the interactive view anew."""
    return show(browser, page)


def show_slices(browser, page, width=1280):
    browser.visit(page, width)
    browser.run(f"{VIEWER}.scrollIntoView({{behavior: 'instant'}})")
    browser.wait_for(SHOWN)


def show(browser, page, width=1280):
    show_slices(browser, page, width)
    browser.wait_for(f"{canvas('space', 'left')}.hasAttribute('aria-label')")
    return browser


@pytest.mark.parametrize("width", [1280, 390])
def test_it_turns_at_any_width_without_faults_and_requests(browser, page, width):
    show(browser, page, width)
    before = {side: settled(browser, side=side) for side in ("left", "right")}
    browser.drag(*middle(browser, "space", "left"), 60, 20)
    for side, still in before.items():
        after = settled(browser, side=side)
        assert after.shape == still.shape
        assert (after != still).any(axis=-1).mean() > 0.1  # the other side turns with it
    left, right = (
        browser.run(f"{canvas('space', side)}.getBoundingClientRect().toJSON()")
        for side in ("left", "right")
    )
    assert (right["y"] >= left["bottom"]) == (width == 390)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.faults() == []
    assert browser.requests() == []


def faces(volume, image, first=0, edges=(1, 1, 1)):
    """Return the phases that a picture from the corner (0, 0, 0) shows on the three near faces.

    A point (a, b, c) relative to the middle of the volume is seen at (c - b) / sqrt(2) to the
    right and (2 a - b - c) / sqrt(6) downwards; the picture is 1.02 diagonals wide.
    """
    shape, size, edges = np.array(volume.shape), len(image), np.array(edges)
    scale = size / (1.02 * np.linalg.norm(shape * edges))
    colours = phase_rgb(3) / phase_rgb(3).sum(axis=1, keepdims=True)
    found = []
    for axis in range(3):
        at = np.stack(np.indices(volume.shape), axis=-1) + 0.5
        face = np.take(at, first if axis == 0 else 0, axis=axis).copy()
        face[..., axis] -= 0.5
        a, b, c = np.moveaxis((face - shape / 2) * edges, -1, 0)
        column = (size / 2 + scale * (c - b) / np.sqrt(2)).astype(int)
        row = (size / 2 + scale * (2 * a - b - c) / np.sqrt(6)).astype(int)
        seen = image[row, column, :3].astype(float)
        seen /= np.maximum(seen.sum(axis=-1, keepdims=True), 1)
        found.append(np.abs(seen[..., None, :] - colours).sum(axis=-1).argmin(axis=-1))
    return found


@pytest.mark.parametrize("side", ["left", "right"])
def test_each_face_shows_the_voxels_that_lie_there(view, volumes, side):
    volume = volumes[side]
    for axis, seen in enumerate(faces(volume, settled(view, side=side))):
        np.testing.assert_array_equal(seen, np.take(volume, 0, axis=axis))


def test_what_is_cut_away_uncovers_the_planes_below(view, volumes):
    set_value(view, "[name=from-0]", "4")
    image = settled(view)
    seen = faces(volumes["left"], image, first=4)[0]
    assert (seen == volumes["left"][4]).mean() > 0.9  # but for lines of the frame before it
    set_value(view, "[name=to-0]", "4")  # at least one plane remains
    assert 0 < (settled(view)[..., 3] > 0).mean() < (image[..., 3] > 0).mean()


def test_phases_that_are_switched_off_vanish(view, volumes):
    volume = volumes["left"]
    before = settled(view)
    click(view, "[name=phase]", 1)
    after = settled(view)
    for axis, seen in enumerate(faces(volume, after)):
        face = np.take(volume, 0, axis=axis)
        np.testing.assert_array_equal(seen[face != 1], face[face != 1])
    assert (after != before).any(axis=-1).mean() > 0.05
    shown = pixels(view, "plane", "left")[..., 3] > 0
    np.testing.assert_array_equal(shown, volume[len(volume) // 2] != 1)


def test_only_what_crosses_the_volume_remains(view, volumes):
    volume = volumes["right"]
    set_value(view, "[name=through]", "1")
    through = connected_through(volume, 3) & 0b010 > 0
    shown = settled(view, "plane", "right")[..., 3] > 0
    np.testing.assert_array_equal(shown, through[len(volume) // 2])
    text = view.run(f"{canvas('text', 'right')}.textContent")
    share = 100 * through[volume == 0].mean()
    assert f"Percolating along axis 1: pore {share:.1f} %" in text


def test_triple_phase_boundaries_are_the_measured_ones(view, volumes):
    for phase in range(3):
        click(view, "[name=phase]", phase)
    empty = settled(view)
    click(view, "[name=lines]")
    assert (settled(view) != empty).any(axis=-1).mean() > 0.01
    volume = volumes["right"]
    ends = view.run(
        f"""tripleLines({{shape: {list(volume.shape)},
            voxels: Uint8Array.from({volume.ravel().tolist()})}}).length"""
    )
    assert ends / 6 == round(triple_phase_boundary_density(volume, 3) * volume.size)


def test_the_keyboard_turns_enlarges_and_goes_back(view):
    first = settled(view)
    view.run(f"{canvas('space', 'left')}.focus()")
    view.press("ArrowRight")
    turned = settled(view)
    view.press("+")
    larger = settled(view)
    assert (turned != first).any(axis=-1).mean() > 0.1
    assert (larger[..., 3] > 0).mean() > 1.2 * (turned[..., 3] > 0).mean()
    view.press("Home")
    np.testing.assert_array_equal(settled(view), first)
    click(view, "[data-key=ArrowLeft]")
    assert (settled(view) != first).any(axis=-1).mean() > 0.1


def test_voxels_that_are_no_cubes_have_their_proportions(browser, tmp_path, rng):
    volume, edges = rng.integers(3, size=(8, 6, 5)).astype(np.uint8), (0.2, 0.6, 0.4)
    show(browser, page_of(material_of(volume, PHASES, edges), tmp_path / "a.html"))
    for axis, seen in enumerate(faces(volume, settled(browser), edges=edges)):
        np.testing.assert_array_equal(seen, np.take(volume, 0, axis=axis))
    box = browser.run(f"{canvas('plane', 'left')}.getBoundingClientRect().toJSON()")
    assert box["width"] / box["height"] == pytest.approx(5 * 0.4 / (6 * 0.6), rel=0.02)


def test_both_sides_show_equal_volumes_equally(browser, tmp_path, rng):
    volume = rng.integers(3, size=(8, 6, 5)).astype(np.uint8)
    show(browser, page_of(material_of(volume, PHASES, None), tmp_path / "a.html"))
    browser.drag(*middle(browser, "space", "right"), -80, 40)
    left, right = settled(browser), settled(browser, side="right")
    np.testing.assert_array_equal(left, right)


def test_grey_values_are_shown_between_two_limits(browser, tmp_path, rng):
    volume = rng.integers(256, size=(6, 7, 8)).astype(np.uint8)
    show(browser, page_of(material_of(volume, GREY, None), tmp_path / "a.html"))
    plane = settled(browser, "plane")
    np.testing.assert_array_equal(plane[..., :3], np.repeat(volume[3][..., None], 3, axis=-1))
    set_value(browser, "[name=low]", "100")
    set_value(browser, "[name=high]", "180")
    shown = settled(browser, "plane")[..., 3] > 0
    np.testing.assert_array_equal(shown, (volume[3] >= 100) & (volume[3] <= 180))
    assert browser.faults() == []


def test_colours_are_shown_as_they_are(browser, tmp_path, rng):
    volume = rng.integers(256, size=(6, 7, 8, 3)).astype(np.uint8)
    show(browser, page_of(material_of(volume, COLOUR, None), tmp_path / "a.html"))
    np.testing.assert_array_equal(settled(browser, "plane")[..., :3], volume[3])
    assert (settled(browser)[..., 3] > 0).mean() > 0.3
    assert browser.faults() == []


def test_a_thinned_volume_says_so(browser, tmp_path, rng, monkeypatch):
    monkeypatch.setattr(matvir.report.viewer, "MOST_BYTES", 200)
    volume = rng.integers(3, size=(20, 14, 16)).astype(np.uint8)
    show(browser, page_of(material_of(volume, PHASES, None), tmp_path / "a.html"))
    assert "only one of 3 voxels along each axis" in browser.run(f"{VIEWER}.innerText")
    plane = phase_rgb(3)[volume[::3, ::3, ::3][3]]
    np.testing.assert_array_equal(settled(browser, "plane")[..., :3], plane)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_the_planes_of_the_volumes(view, volumes, axis):
    set_value(view, "[name=axis]", str(axis))
    n_planes = volumes["left"].shape[axis]
    for place in (0, 3, n_planes - 1):
        set_value(view, "[name=place]", str(place))
        for side, volume in volumes.items():
            plane = phase_rgb(3)[np.take(volume, place, axis=axis)]
            np.testing.assert_array_equal(pixels(view, "plane", side)[..., :3], plane)
    assert int(view.run(f"{element('[name=place]')}.max")) == n_planes - 1


def test_slices_scroll_by_key_and_by_wheel(view):
    place = f"Number({element('[name=place]')}.value)"
    assert view.run(place) == 5
    x, y = middle(view, "plane", "right")
    view.mouse("mouseWheel", x, y, deltaX=0, deltaY=100)  # not clicked yet: the page scrolls
    assert view.run(place) == 5
    view.run(f"{canvas('plane', 'right')}.focus()")
    view.press("ArrowUp")
    assert view.run(place) == 6
    x, y = middle(view, "plane", "right")
    view.mouse("mouseWheel", x, y, deltaX=0, deltaY=100)
    view.wait_for(f"{place} === 7")
    view.press("Home")
    assert view.run(place) == 0
    view.press("End")
    assert view.run(place) == 9


def test_another_volume_can_be_chosen(view, volumes):
    names = view.run(f"[...{canvas('choice', 'left')}.options].map((one) => one.text)")
    assert names[:3] == ["truth", "swd, seed 0, volume-000", "swd, seed 0, volume-001"]
    before = settled(view, "plane")
    set_value(view, "[data-side=left] [data-part=choice]", "1")
    plane = phase_rgb(3)[volumes["right"][5]]
    after = settled(view, "plane")
    np.testing.assert_array_equal(after[..., :3], plane)
    assert (after != before).any()


def test_all_controls_have_names_and_the_tab_key_reaches_them(view):
    tree = view.call("Accessibility.getFullAXTree")["nodes"]
    roles = ("slider", "checkbox", "combobox", "button", "image")
    shown = [node for node in tree if node.get("role", {}).get("value") in roles]
    assert len(shown) > 25
    assert [node for node in shown if not node.get("name", {}).get("value")] == []
    controls = f"[...{VIEWER}.querySelectorAll('input, select, button, canvas')]"
    wanted = view.run(f"{controls}.filter((one) => one.checkVisibility()).length")
    view.run(f"{element('input')}.focus()")
    reached = 1
    while view.run(f"{VIEWER}.contains(document.activeElement)"):
        view.press("Tab", TAB)
        outline = view.run("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        reached += 1
    assert reached - 1 == wanted


def stills(browser):
    """Return how many pictures of volumes and of slices are visible."""
    images = "[...document.querySelectorAll('.cube, .slices img')]"
    return browser.run(f"{images}.filter((one) => one.checkVisibility()).length")


def test_without_webgl_slices_remain(open_browser, page, volumes):
    browser = open_browser(*NO_WEBGL)
    show_slices(browser, page)
    assert browser.run(f"{element('[data-part=flat]')}.checkVisibility()")
    assert not browser.run(f"{canvas('space', 'left')}.checkVisibility()")
    set_value(browser, "[name=place]", "2")
    plane = phase_rgb(3)[volumes["right"][2]]
    np.testing.assert_array_equal(pixels(browser, "plane", "right")[..., :3], plane)
    assert stills(browser) > 10
    assert browser.faults() == []


def test_without_script_or_gzip_the_page_says_so_and_pictures_remain(open_browser, page):
    browser = open_browser(*SOFTWARE_WEBGL)
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.visit(page)
    assert note_instead(browser)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    browser.call(
        "Page.addScriptToEvaluateOnNewDocument", source="delete window.DecompressionStream"
    )
    browser.visit(page)
    assert note_instead(browser)
    assert browser.faults() == []


def note_instead(browser):
    note = browser.run(f"{element('[data-part=instead]')}.checkVisibility()")
    tool = browser.run(f"{element('[data-part=tool]')}.checkVisibility()")
    return note and not tool and stills(browser) > 10


def test_print_shows_pictures_alone(view):
    view.call("Emulation.setEmulatedMedia", media="print")
    assert not view.run(f"{VIEWER}.checkVisibility()")
    assert stills(view) > 10
    view.call("Emulation.setEmulatedMedia", media="")


def test_2d_only_materials_show_generated_volumes_alone(browser, page):
    browser.visit(page)
    text = browser.run("document.querySelectorAll('[data-viewer]')[1].textContent")
    assert "There is no real volume to compare with" in text
