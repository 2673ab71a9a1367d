from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from page.builders import sample, segmenter
from sansa_lightning.page.engine import Engine
from sansa_lightning.page.handlers import BESIDE, BOX, ON, Page
from sansa_lightning.page.marks import Marks
from sansa_lightning.page.samples import Sample, check_folder, folder_pictures, sample_pictures


def begin():
    return [Sample(Image.fromarray(sample(number)[0]), f"{number}.png") for number in range(2)]


@pytest.fixture
def page(tmp_path):
    return Page(tmp_path / "sessions", Engine(segmenter()), begin)


def cells(page, place):
    return page.desk(place.session).session.cells


def test_a_person_comes_back_to_the_session_and_others_have_their_own(page):
    first = page.enter("")
    place, told = page.click(first, ON, (100, 100))
    assert told.startswith("a reference of “object”")
    again = Page(page.root, page.engine, list).enter(place.session)
    other = page.enter("0" * 32)
    assert again.session == first.session != other.session
    assert cells(page, again) == cells(page, place) != {}
    assert cells(page, other) == {}


def test_clicks_are_in_pixels_of_the_picture(page):
    place = page.enter("")
    assert page.opened(place).size == (384, 384)  # 96 pixels, four times as large
    page.click(place, ON, (100, 102))
    place, told = page.click(place, BOX, (383, 60))
    assert (place.corner, told) == ((95.875, 15.125), "now the opposite corner")
    place, _ = page.click(place, BOX, (20, 200))
    assert cells(page, place)["1", "object"].marks == Marks(((25.125, 25.625, 1),), (5.125, 15.125, 95.875, 50.125))
    assert place.corner is None
    page.undo(place)
    assert cells(page, place)["1", "object"].marks == Marks((), (5.125, 15.125, 95.875, 50.125))


def test_a_click_on_a_found_mask_corrects_it_and_promoting_looks_again(page):
    place = page.enter("")
    page.click(place, ON, (250, 150))
    steps = [told for _, told in page.run(place)]
    assert steps == ["1.png: done", "1 picture done; least certain first"]
    target = place._replace(number="2")
    _, told = page.click(target, BESIDE, (10, 10))
    assert told.startswith("corrected")
    assert cells(page, place)["2", "object"].clicks.clicks == ((2.625, 2.625, 0),)
    assert [told for _, told in page.promote(target)] == ["no other pictures here: add some"]
    assert set(page.desk(place.session).session.references()["object"]) == {
        ("1", Marks(((62.625, 37.625, 1),))),
        ("2", Marks(runs=cells(page, place)["2", "object"].found.runs)),
    }


def test_uploads_are_added_and_the_others_named(page, tmp_path):
    place = page.enter("")
    Image.new("RGB", (40, 20), "red").save(tmp_path / "new.png")
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    place, told = page.upload(place, [str(tmp_path / "bad.jpg"), str(tmp_path / "new.png")])
    assert told.startswith("1 picture added  \nbad.jpg cannot be decoded")
    assert page.desk(place.session).session.pictures[place.number].name == "new.png"


def test_brush_and_mask_file_give_the_mask_that_was_drawn(page, tmp_path):
    place = page.enter("")
    layer = np.zeros((384, 384, 4), np.uint8)
    layer[40:80, 120:200, 3] = 255
    page.brush(place, [layer])
    mask = np.zeros((96, 96), bool)
    mask[10:20, 30:50] = True
    assert cells(page, place)["1", "object"].marks == Marks.of_mask(mask)
    Image.fromarray(np.flipud(mask)).save(tmp_path / "m.png")
    page.mask_file(place, str(tmp_path / "m.png"))
    assert cells(page, place)["1", "object"].marks == Marks.of_mask(np.flipud(mask))
    page.clear(place)
    assert cells(page, place) == {}
    with pytest.raises(ValueError, match="nothing is painted"):
        page.brush(place, [])


def test_the_gallery_says_what_is_known(page):
    place = page.enter("")
    page.click(place, ON, (250, 150))
    list(page.run(place))
    score = cells(page, place)["2", "object"].found.score
    captions = [says for _, says in page.gallery(place)]
    assert captions == [f"1.png · object: IoU {score:.2f}", "0.png · object: reference"]


def test_without_a_picture_one_line(tmp_path):
    empty = Page(tmp_path, Engine(segmenter()), list)
    place = empty.enter("")
    assert empty.opened(place) is None
    with pytest.raises(ValueError, match="picture: expected an opened one"):
        empty.click(place, ON, (1, 1))


def test_the_miniature_begins_with_a_reference(tmp_path):
    page = Page(tmp_path, Engine(segmenter()), sample_pictures)
    place = page.enter("")
    assert place.name == "dots"
    assert page.desk(place.session).session.references() == {"dots": [("1", Marks.of_mask(sample(0)[1] == 1))]}
    assert sum(1 for _ in page.run(place)) == 8


def test_a_folder_begins_a_session(tmp_path, capsys):
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    Image.new("RGB", (8, 6)).save(folder / "below" / "a.png")
    (folder / "b.jpg").write_bytes(b"no picture")
    check_folder(folder)
    assert [(each.name, each.image.size) for each in folder_pictures(folder)] == [("below/a.png", (8, 6))]
    assert capsys.readouterr().out.startswith("left out: b.jpg cannot be decoded")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="--images: expected pictures"):
        check_folder(empty)
