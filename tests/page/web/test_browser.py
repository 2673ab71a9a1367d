"""The page as a person uses it, in headless Chromium."""

from __future__ import annotations

import base64
import io
import json
import shutil
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from page.builders import sample, segmenter
from sansa_lightning import Prompt
from sansa_lightning.page.engine import Engine
from sansa_lightning.page.handlers import Page, Place
from sansa_lightning.page.marks import mask_of_runs

pytest.importorskip("gradio", reason="needs the extra page", exc_type=ImportError)
webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium", exc_type=ImportError)
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the path"),
]
FLAGS = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"),
    *("disable-component-update", "disable-sync", "window-size=1400,1400"),
)
PATIENCE = 60
TAKE = """
const img = document.querySelector('#picture img'); const c = document.createElement('canvas');
if (!img || !img.complete || !img.naturalWidth) return null;
c.width = img.naturalWidth; c.height = img.naturalHeight; c.getContext('2d').drawImage(img, 0, 0);
return c.toDataURL('image/png')"""


class Person:
    """A browser with a profile of its own."""

    def __init__(self, address: str, profile: Path) -> None:
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"user-data-dir={profile}"):
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, Service(DRIVER))
        self.driver.get(address)
        self.wait(lambda: self.one("#class input").get_attribute("value"))  # the session is there

    def wait(self, true):
        """Wait until it is true; what is not there yet counts as false."""
        from selenium.common.exceptions import WebDriverException

        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if found := true():
                    return found
            except WebDriverException:
                pass
            time.sleep(0.1)
        raise AssertionError(f"nothing after {PATIENCE} s; the page says {self.told()!r}")

    def one(self, selector):
        return self.driver.find_element("css selector", selector)

    def told(self):
        return self.one("#told").text

    def give(self, where, *files):
        inside = f"#{where} input[type=file], :has(> #{where}) > input[type=file]"  # of a button it is beside it
        self.one(inside).send_keys("\n".join(map(str, files)))

    def press(self, where, says):
        self.one(f"#{where}").click()
        self.wait(lambda: says in self.told())

    def tool(self, says):
        self.driver.find_element("xpath", f"//*[@id='tool']//label[contains(., '{says}')]").click()

    def click(self, x, y, says):
        """On a pixel of the sample, 96 wide."""
        self.picture()
        image = self.one("#picture img")
        scale = image.size["width"] / 96
        assert image.size["width"] == pytest.approx(image.size["height"], abs=2)
        across, down = (round((side + 0.5 - 48) * scale) for side in (x, y))
        webdriver.ActionChains(self.driver).move_to_element_with_offset(image, across, down).click().perform()
        self.wait(lambda: says in self.told())

    def picture(self):
        """The picture that is seen, uint8 [H, W, 3]; waits until it is loaded."""
        content = base64.b64decode(self.wait(lambda: self.driver.execute_script(TAKE)).partition(",")[2])
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))

    def captions(self):
        return [each.text for each in self.driver.find_elements("css selector", "#gallery .caption-label")]

    def problems(self):
        """Errors in the console, and hosts that were asked beside the page's own."""
        bad = [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
        sent = (json.loads(line["message"])["message"] for line in self.driver.get_log("performance"))
        asked = [each["params"]["request"]["url"] for each in sent if each["method"] == "Network.requestWillBeSent"]
        return bad + [url for url in asked if url.startswith("http") and "//127.0.0.1:" not in url]


@pytest.fixture
def served(tmp_path, monkeypatch) -> Iterator[tuple[str, Page]]:
    from sansa_lightning.page.web.app import built, launched

    folder, root = tmp_path / "served", tmp_path / "sessions"
    folder.mkdir()
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    page = Page(root, Engine(segmenter()), list)
    blocks = built(page, "", folder)
    yield launched(blocks, "127.0.0.1", 0, None, folder, root, wait=False), page
    blocks.close()


def test_mark_one_and_see_the_rest(served, tmp_path):
    address, page = served
    files = [tmp_path / "one.png", tmp_path / "two.png"]
    for number, file in enumerate(files):
        Image.fromarray(sample(number)[0]).save(file)
    rows, columns = np.nonzero(sample(0)[1] == 1)
    left, top, right, bottom = int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())

    person = Person(address, tmp_path / "first")
    person.give("upload", *files)
    person.wait(lambda: "2 pictures added" in person.told())
    (session,) = [desk.session for desk in page._desks.values()]
    person.tool("box")
    person.click(left, top, "opposite corner")
    person.click(right, bottom, "a reference of")
    assert session.cells["1", "object"].marks.box == pytest.approx((left, top, right, bottom), abs=1.5)
    person.press("run", "1 picture done")

    # What is seen is what the Python interface gives.
    box = Prompt.box(session.cells["1", "object"].marks.box)
    (expected,) = segmenter().segment([(sample(0)[0], box)], [sample(1)[0]])
    found = mask_of_runs(session.cells["2", "object"].found.runs, (96, 96))
    assert np.array_equal(found, expected)
    assert expected.any()
    person.one("#gallery button.thumbnail-item").click()  # the least certain one
    place = Place(session.id, "2")
    person.wait(lambda: np.array_equal(person.picture(), np.asarray(page.opened(place))))
    changed = (person.picture() != np.asarray(page.bare(place))).any(-1).mean()
    assert changed >= expected.mean() * 0.9

    y, x = np.argwhere(expected)[expected.sum() // 2]
    before = person.picture()
    person.tool("beside")
    person.click(int(x), int(y), "corrected")
    assert session.cells["2", "object"].clicks.clicks[0][2] == 0
    person.wait(lambda: not np.array_equal(person.picture(), before))

    person.press("promote", "no other pictures")
    assert [number for number, _ in session.references()["object"]] == ["1", "2"]
    person.one("#export").click()
    link = person.wait(lambda: person.one("#archive a[href]")).get_attribute("href")
    archive = tmp_path / "masks.zip"
    archive.write_bytes(urllib.request.urlopen(link, timeout=30).read())  # noqa: S310

    other = Person(address, tmp_path / "second")
    assert other.captions() == []
    other.give("upload", *files)
    other.wait(lambda: "2 pictures added" in other.told())
    other.give("bring", archive)
    other.wait(lambda: "2 masks taken" in other.told())
    (theirs,) = [desk.session for desk in page._desks.values() if desk.session is not session]
    assert {key: cell.found.runs for key, cell in theirs.cells.items()} == {
        key: cell.found.runs for key, cell in session.cells.items()
    }
    other.press("clear", "cleared")
    assert len(theirs.cells) == 1
    assert len(session.cells) == 2

    captions = person.wait(person.captions)
    page._desks.clear()  # as if the server had been started anew
    person.driver.refresh()
    person.wait(lambda: person.captions() == captions)
    assert captions == ["one.png · object: reference", "two.png · object: reference"]

    for width in (400, 1400):
        person.driver.set_window_size(width, 1400)
        time.sleep(0.5)
        person.driver.save_screenshot(str(tmp_path / f"{width}.png"))
        assert person.driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert person.problems() == other.problems() == []
    person.driver.quit()
    other.driver.quit()
