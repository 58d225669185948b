"""The page to explore, used in a browser as a reader would."""

import csv
import json
import re
import shutil
import time

import numpy as np
import pytest

from coldstart.pages.explorer import CATEGORIES, Explored, page
from coldstart.pages.thumbnails import make_thumbnails

COUNT = 300
NASTY = "</script><script>window.broken = true</script>.png"
FORMULA = '=cmd|" /C calc"!A0.png'


@pytest.fixture(scope="module")
def explored():
    """Points in three clusters, each of one grey, and two rankings."""
    rng = np.random.default_rng(0)
    clusters = np.arange(COUNT) % 3
    places = rng.normal(size=(COUNT, 2)) * 0.2 + np.array([[0, 0], [10, 0], [0, 10]])[clusters]
    images = np.repeat(clusters * 100, 64).reshape(COUNT, 8, 8, 1).astype(np.uint8)
    names = [f"leaves/{number}.png" for number in range(COUNT)]
    names[7], names[8] = NASTY, FORMULA
    ranks = {name: rng.permutation(COUNT) + 1 for name in ("max-herding", "random")}
    return Explored(
        title="300 <leaves>",
        places=places.astype(np.float32),
        thumbnails=make_thumbnails(images, np.arange(COUNT)),
        names=names,
        rankings=ranks,
        budget=20,
        categories={
            "cluster": [str(number + 9) for number in clusters],
            "label": ["" if number % 2 else f"kind {number % 4}" for number in range(COUNT)],
        },
        values={"score": np.array([0.5, np.inf] + [np.nan] * 4 + [*rng.random(COUNT - 6)])},
        notes=["A note."],
    )


def told(html):
    text = re.search(r'<script type="application/json" id="told">(.*?)</script>', html, re.S)[1]
    return json.loads(text)


def test_page_needs_nothing_beside_itself(explored):
    html = page(explored)
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", html)
    assert "300 &lt;leaves&gt;" in html
    assert NASTY not in html


def test_page_tells_its_script_everything_once(explored):
    facts = told(page(explored))
    assert facts["names"][7] == NASTY
    assert facts["names"][8] == f"./{FORMULA}"  # no formula in the CSV that the page gives
    assert facts["categories"]["cluster"]["texts"] == ["9", "10", "11"]
    assert facts["categories"]["label"]["numbers"][:3] == [0, -1, 1]
    assert facts["values"]["score"][:6] == [0.5, None, None, None, None, None]
    assert facts["rankings"]["random"] == explored.rankings["random"].tolist()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium without a window, of the distribution's packages."""
    binary, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if binary is None or driver is None:
        pytest.skip("no browser here: apt install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,900",
        "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    ):  # fmt: skip
        options.add_argument(argument)
    downloads = tmp_path_factory.mktemp("downloads")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.downloads = downloads
    yield browser
    browser.quit()


def wait_for(found, seconds=30):
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return value


@pytest.fixture
def opened(browser, explored, tmp_path):
    """The page, opened from disk."""
    file = tmp_path / "index.html"
    file.write_text(page(explored), "utf-8")
    browser.get(file.as_uri())
    wait_for(lambda: browser.execute_script("return document.body.dataset.ready"))
    browser.get_log("browser")
    return browser


def element(browser, name):
    return browser.find_element("id", name)


def listed(browser, name):
    """Names of the images in a list."""
    return browser.execute_script(
        "return [...document.querySelectorAll(`#${arguments[0]} button`)].map(b => b.title)", name
    )


def spot(browser, place):
    """The pixel of the window at which a place of the map is drawn."""
    return browser.execute_script(
        """
        const view = Bokeh.index.roots[0], [x, y] = arguments[0];
        const box = view.el.getBoundingClientRect();
        const frame = view.frame.bbox;
        const sx = frame.left + view.frame.x_scale.compute(x) - view.frame.x_scale.compute(
          view.model.x_range.start);
        const sy = frame.bottom + view.frame.y_scale.compute(y) - view.frame.y_scale.compute(
          view.model.y_range.start);
        return [Math.round(box.left + sx), Math.round(box.top + sy)];
        """,
        [float(value) for value in place],
    )


def drag(browser, spots):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    actions = ActionBuilder(browser, duration=20)
    pointer = actions.pointer_action
    pointer.move_to_location(*spots[0])
    pointer.pointer_down()
    for place in spots[1:]:
        pointer.move_to_location(*place)
    pointer.pointer_up()
    actions.perform()
    ActionChains(browser).pause(0.1).perform()


@pytest.mark.slow
def test_picks_follow_the_budget_and_the_ranking(opened, explored):
    ranks = explored.rankings["max-herding"]
    order = [told(page(explored))["names"][number] for number in np.argsort(ranks)]
    assert listed(opened, "picked") == order[:20]
    opened.execute_script(
        "budget.value = 33; budget.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    assert listed(opened, "picked") == order[:33]
    assert element(opened, "shown-budget").text == "33"
    element(opened, "ranking").send_keys("random")
    first = int(np.argsort(explored.rankings["random"])[0])
    assert listed(opened, "picked")[0] == explored.names[first]
    marks = opened.execute_script(
        "return Bokeh.documents[0].get_model_by_name('picks').data.x.length"
    )
    assert marks == 33


@pytest.mark.slow
def test_hover_shows_the_image(opened, explored):
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    actions = ActionBuilder(opened)
    actions.pointer_action.move_to_location(*spot(opened, explored.places[1]))
    actions.perform()
    shown = wait_for(lambda: element(opened, "shown").text)
    assert re.search(r"leaves/\d+\.png · rank \d+ · cluster 10", shown)
    sheet = opened.execute_script(
        "return getComputedStyle(document.querySelector('#shown .thumbnail')).backgroundImage"
    )
    assert sheet.startswith('url("data:image/jpeg')


@pytest.mark.slow
def test_lasso_selects_and_the_list_is_downloaded(opened, explored):
    corners = [(9, -1), (11, -1), (11, 1), (9, 1), (9, -1)]
    drag(opened, [spot(opened, corner) for corner in corners])
    wait_for(lambda: element(opened, "count").text == "100")
    inside = {name for number, name in enumerate(explored.names) if number % 3 == 1}
    assert set(listed(opened, "selected")) == inside
    element(opened, "download").click()
    file = wait_for(lambda: next(opened.downloads.glob("selected*.csv"), None))
    rows = list(csv.DictReader(file.open(encoding="utf-8", newline="")))
    file.unlink()
    assert {row["path"] for row in rows} == inside
    assert {row["cluster"] for row in rows} == {"10"}
    ranks = [int(row["rank"]) for row in rows]
    assert ranks == sorted(ranks)
    element(opened, "clear").click()
    assert element(opened, "count").text == "0"
    assert not element(opened, "download").is_enabled()


@pytest.mark.slow
def test_a_name_is_found_and_colours_change(opened):
    element(opened, "find").send_keys("script")
    assert listed(opened, "selected") == [NASTY]
    assert not opened.execute_script("return window.broken")
    from selenium.webdriver.support.ui import Select

    Select(element(opened, "colour")).select_by_visible_text("label")
    assert element(opened, "legend").text.split("\n") == ["kind 0", "kind 2"]
    colours = opened.execute_script(
        "return Bokeh.documents[0].get_model_by_name('points').data.colour"
    )
    assert colours[:3] == [CATEGORIES[0], "#999999", CATEGORIES[1]]
    errors = [line for line in opened.get_log("browser") if line["level"] == "SEVERE"]
    assert errors == []
    loaded = opened.execute_script(
        "return performance.getEntriesByType('resource').map(entry => entry.name.slice(0, 5))"
    )
    assert set(loaded) <= {"data:"}


@pytest.mark.slow
def test_everything_is_reached_by_keyboard(opened):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    opened.execute_script("document.querySelector('#picked button').focus()")
    ActionChains(opened).send_keys(Keys.ENTER).perform()
    assert element(opened, "count").text == "1"
    focused = []
    opened.execute_script("document.activeElement.blur()")
    for _ in range(60):
        ActionChains(opened).send_keys(Keys.TAB).perform()
        focused.append(opened.switch_to.active_element.get_attribute("id"))
    wanted = {"ranking", "budget", "colour", "find", "take-picks", "clear", "download"}
    assert wanted <= set(focused)
