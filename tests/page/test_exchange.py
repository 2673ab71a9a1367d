from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from page.builders import desk, sample
from sansa_lightning.page.exchange import read_annotations, write_archive
from sansa_lightning.page.marks import Marks, mask_of_runs


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    made = desk(tmp_path_factory.mktemp("sessions"))
    made.mark("1", "dots", Marks.of_mask(sample(0)[1] == 1))
    list(made.run())
    return made.session


def masks_of(session):
    return {
        key: (cell.marks is not None, cell.found.runs, round(cell.found.score or 0, 4))
        for key, cell in session.cells.items()
    }


def test_an_archive_comes_back_as_the_same_masks(worked, tmp_path):
    write_archive(worked, tmp_path / "a.zip")
    other = desk(tmp_path).session
    assert read_annotations(other, tmp_path / "a.zip") == ["3 masks taken"]
    assert masks_of(other) == masks_of(worked)
    assert other.references() == {"dots": [("1", Marks(runs=worked.cells["1", "dots"].found.runs))]}


def test_the_archive_has_cocos_json_and_index_maps(worked, tmp_path):
    from pycocotools.coco import COCO

    write_archive(worked, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path)
    coco = COCO(tmp_path / "annotations.json")
    assert [(each["name"], each["id"]) for each in coco.loadCats(coco.getCatIds())] == [("dots", 1)]
    for number, picture in worked.pictures.items():
        mask = mask_of_runs(worked.cells[number, "dots"].found.runs, picture.size)
        (entry,) = coco.loadAnns(coco.getAnnIds(imgIds=[int(number)]))
        assert np.array_equal(coco.annToMask(entry) == 1, mask)
        assert ("score" in entry) == (number != "1")
        with Image.open(tmp_path / "masks" / picture.name) as index:
            assert np.array_equal(np.asarray(index) == 1, mask)


def test_masks_of_other_programs_make_references(tmp_path):
    session = desk(tmp_path).session
    content = {
        "images": [{"id": 7, "file_name": "1.png"}, {"id": 8, "file_name": "unknown.png"}],
        "categories": [{"id": 3, "name": "thing"}],
        "annotations": [
            {"image_id": 7, "category_id": 3, "segmentation": [[10, 10, 30, 10, 30, 20, 10, 20]]},
            {"image_id": 7, "category_id": 3, "segmentation": [[40, 40, 50, 40, 50, 45, 40, 45]]},
            {"image_id": 8, "category_id": 3, "segmentation": [[1, 1, 5, 1, 5, 5]]},
        ],
    }
    path = tmp_path / "other.json"
    path.write_text(json.dumps(content))
    told = read_annotations(session, path)
    assert told == ["1 mask taken", "1 annotation of unknown pictures or classes (first: annotation 2)"]
    mask = mask_of_runs(session.references()["thing"][0][1].runs, (96, 96))
    assert mask[10:20, 10:30].all()
    assert mask.sum() == 200 + 50


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("nonsense", r"^a\.json: expected a file in COCO's format"),
        ('{"images": [], "categories": [], "annotations": []}', "expected masks of pictures of this session"),
        ('{"images": [{}], "categories": [], "annotations": []}', "has no file_name, id"),
    ],
)
def test_other_files_are_refused(tmp_path, content, says):
    (tmp_path / "a.json").write_text(content)
    session = desk(tmp_path).session
    with pytest.raises(ValueError, match=says):
        read_annotations(session, tmp_path / "a.json")
    assert not session.cells


def test_nothing_to_export(tmp_path):
    with pytest.raises(ValueError, match="export: expected masks"):
        write_archive(desk(tmp_path).session, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
