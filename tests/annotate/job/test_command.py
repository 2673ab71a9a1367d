"""The command annotate: whole jobs on nano, against the Python interface, and against themselves done in other ways."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO
from scipy.ndimage import label

from fakes.photos import BROKEN, Photos, content, run
from launches import refusal, start
from sansa_lightning import Prompt, load
from sansa_lightning.annotate.memories import Memories
from sansa_lightning.annotate.options import read_options

CATEGORIES = {"grid": 1, "plus": 2, "stripes": 3}


def masks(path: Path) -> dict[tuple[str, int], Any]:
    """By picture and category, by pycocotools."""
    coco = COCO(str(path))
    return {
        (coco.imgs[each["image_id"]]["file_name"], each["category_id"]): coco.annToMask(each)
        for each in coco.anns.values()
    }


# --- agreement --------------------------------------------------------------------------------------------------------


def test_the_command_is_the_python_interface(photos: Photos, finished: Path) -> None:
    """Class by class and picture by picture, references as the loaders know them."""
    found, segmenter = masks(finished), load("nano")
    assert {each["name"]: each["id"] for each in content(finished)["categories"]} == CATEGORIES
    assert [each["file_name"] for each in content(finished)["images"]] == list(photos.names)
    scores = {(each["image_id"], each["category_id"]): each["score"] for each in content(finished)["annotations"]}
    ids = {each["file_name"]: each["id"] for each in content(finished)["images"]}
    for name, category in CATEGORIES.items():
        folder = photos.root / "refs" / name
        pairs = [(path, Prompt.mask(folder / "masks" / path.name)) for path in sorted((folder / "images").iterdir())]
        memories = segmenter.remember({name: pairs})
        for picture in photos.names:
            (alone,) = segmenter.segment(pairs, photos.root / "photos" / picture)
            (expected,) = segmenter.annotate(memories, photos.root / "photos" / picture)
            mask = found.get((picture, category), np.zeros_like(alone))
            assert mask.shape == alone.shape
            assert (mask != alone).mean() <= 1e-3  # rounding, on the edge
            if mask.any():
                assert scores[ids[picture], category] == pytest.approx(expected.scores[0], abs=1e-3)
    turned = np.asarray(Image.open(photos.root / "photos" / "b/stripes_1.png")).shape
    assert next(mask for (name, _), mask in found.items() if name == "b/stripes_1.png").shape == turned[1::-1]


SAME_GROUPS = {
    "list": ("--images", "{root}/list.txt", "--image_root", "{root}/photos"),
    "workers": ("--workers", "5"),
}


@pytest.mark.parametrize("name", SAME_GROUPS)
def test_the_same_groups_are_the_same_bytes(name: str, photos: Photos, finished: Path, tmp_path: Path) -> None:
    run(*photos.args(tmp_path / "a.json", *(each.format(root=photos.root) for each in SAME_GROUPS[name])))
    assert (tmp_path / "a.json").read_bytes() == finished.read_bytes()
    assert not (tmp_path / "a.json.journal").exists()


@pytest.mark.slow
@pytest.mark.parametrize("steps", [(1, 1), (9, 5), (3, 100)])
def test_other_groups_are_the_same_but_for_rounding(
    steps: tuple[int, int], photos: Photos, finished: Path, tmp_path: Path
) -> None:
    run(*photos.args(tmp_path / "a.json", "--targets_per_step", steps[0], "--pairs_per_step", steps[1]))
    found, expected = masks(tmp_path / "a.json"), masks(finished)
    assert found.keys() == expected.keys()
    assert max((found[key] != expected[key]).mean() for key in found) <= 1e-3
    for one, other in zip(content(tmp_path / "a.json")["annotations"], content(finished)["annotations"], strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-3)


@pytest.mark.slow
def test_shards_are_merged_to_the_same_bytes(
    photos: Photos, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for shard in (2, 0):
        run(*photos.args(tmp_path / "a.json", "--shard", f"{shard}/3"))
    assert not (tmp_path / "a.json").exists()
    assert "shard 0/3 is done; 4 pictures of other shards to do" in capsys.readouterr().out
    shutil.copytree(tmp_path, tmp_path / "again")
    run(*photos.args(tmp_path / "a.json", "--shard", "1/3"))  # the last one merges, too
    run(*photos.args(tmp_path / "again" / "a.json"))  # does the rest
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "again" / "a.json").read_bytes() == finished.read_bytes()


@pytest.mark.slow
def test_shards_at_the_same_time_are_merged_once(photos: Photos, finished: Path, tmp_path: Path) -> None:
    """No shard replaces the results by what it finds after another one has removed the journals."""
    processes = [
        start(*photos.args(tmp_path / "a.json", "--shard", f"{shard}/2"), OMP_NUM_THREADS="1") for shard in range(2)
    ]
    assert [process.communicate() and process.returncode for process in processes] == [0, 0]
    assert (tmp_path / "a.json").read_bytes() == finished.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if "journal" in path.name] == []


@pytest.mark.parametrize(("form", "images"), [("coco", ["images.json"]), ("tar", ["shard-0.tar", "shard-1.tar"])])
def test_other_forms_of_the_same_pictures(
    form: str, images: list[str], photos: Photos, finished: Path, tmp_path: Path
) -> None:
    given = [photos.root / each for each in images]
    run(*photos.args(tmp_path / "a.json", "--images", *given, "--image_root", photos.root / "photos"))
    found, expected = content(tmp_path / "a.json"), content(finished)
    places = {each["file_name"]: each["id"] for each in found["images"]}
    if form == "coco":
        assert places == {each["file_name"]: 101 - each["id"] for each in expected["images"]}
    else:
        assert list(places) == [f"shard-{(each['id'] - 1) // 5}.tar/{each['file_name']}" for each in expected["images"]]
    # Groups and their order are the same.
    for one, other in zip(found["annotations"], expected["annotations"], strict=True):
        assert {**one, "image_id": 0} == {**other, "image_id": 0}


# --- interruptions ----------------------------------------------------------------------------------------------------


def test_a_full_disk_loses_nothing(
    photos: Photos, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a line is written before the disk is full."""
    write, room = os.write, [9000]

    def until_full(file: int, data: bytes) -> int:
        written = min(len(data), room[0])
        room[0] -= written
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data[:written])

    monkeypatch.setattr(os, "write", until_full)
    message = refusal(capsys, *photos.args(tmp_path / "a.json"))
    assert message == (
        f"no room on the disk of {tmp_path / 'a.json'}: free some, then run the same command again; it goes on where "
        f"it was"
    )
    monkeypatch.undo()
    assert not (tmp_path / "a.json").exists()
    (journal,) = (tmp_path / "a.json.journal").glob("*.jsonl")
    assert 8900 < journal.stat().st_size <= 9000
    assert not journal.read_bytes().endswith(b"\n")
    run(*photos.args(tmp_path / "a.json"))
    assert re.search(r"going on after 4 pictures", capsys.readouterr().out)
    assert (tmp_path / "a.json").read_bytes() == finished.read_bytes()


@pytest.mark.slow
def test_killed_at_random_moments(photos: Photos, finished: Path, tmp_path: Path) -> None:
    """By SIGKILL, as soon as the journal has grown."""
    journal = tmp_path / "a.json.journal" / "all.jsonl"
    for _ in range(2):
        size = journal.stat().st_size if journal.exists() else 0
        process = start(*photos.args(tmp_path / "a.json"), OMP_NUM_THREADS="1")
        while process.poll() is None and not (journal.exists() and journal.stat().st_size > size):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    run(*photos.args(tmp_path / "a.json"))
    assert (tmp_path / "a.json").read_bytes() == finished.read_bytes()


def test_another_job_is_not_gone_on_with(photos: Photos, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(*photos.args(tmp_path / "a.json", "--shard", "0/3"))
    message = refusal(capsys, *photos.args(tmp_path / "a.json", "--overlap", "highest"))
    assert message.startswith(
        f"{tmp_path / 'a.json.journal'} is of a job that was begun with another overlap, 'keep', not"
    )
    message = refusal(capsys, *photos.args(tmp_path / "a.json", "--shots", "1"))
    assert "begun with other references, '" in message
    shutil.copytree(photos.root / "photos", tmp_path / "copy")
    message = refusal(capsys, *photos.args(tmp_path / "a.json", "--images", tmp_path / "copy"))
    assert "begun with other images, '10, " in message


# --- results ----------------------------------------------------------------------------------------------------------


def test_pycocotools_reads_the_results_back(finished: Path) -> None:
    coco = COCO(str(finished))
    results = coco.loadRes([dict(each) for each in content(finished)["annotations"]])
    for number, each in coco.anns.items():
        mask = coco.annToMask(each)
        rows, columns = np.nonzero(mask)
        assert each["area"] == mask.sum() > 0
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert each["bbox"] == box
        assert np.array_equal(results.annToMask(results.anns[number]), mask)
        assert results.anns[number]["score"] == each["score"]


def test_what_cannot_be_read_is_listed(finished: Path) -> None:
    (line,) = (finished.parent / "a.skipped.jsonl").read_text().splitlines()
    found = json.loads(line)
    assert found["file_name"] == BROKEN
    assert "broken.png" in found["why"]


@pytest.fixture(scope="module")
def everything(photos: Photos, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("everything")
    more = ("--polygons", "--instances", "--min_area", 20, "--overlap", "highest", "--presence")
    files = ("--masks", folder / "maps", "--preview", folder / "p.html", "--yolo", folder / "yolo")
    run(*photos.args(folder / "a.json", *more, *files))
    return folder


def test_parts_are_objects_whose_polygons_come_back(everything: Path, photos: Photos) -> None:
    segmenter = load("nano")
    folders = [(name, photos.root / "refs" / name) for name in CATEGORIES]
    memories = segmenter.remember(
        {
            name: [(path, Prompt.mask(folder / "masks" / path.name)) for path in sorted((folder / "images").iterdir())]
            for name, folder in folders
        }
    )
    coco = COCO(str(everything / "a.json"))
    given = [photos.root / "photos" / name for name in photos.names]
    for image, found in zip(
        coco.imgs.values(), segmenter.annotate(memories, given, overlap="highest", presence=True), strict=True
    ):
        for category, whole in enumerate(found.masks, 1):
            objects = coco.loadAnns(coco.getAnnIds([image["id"]], [category]))
            together = np.zeros(whole.shape, int)
            for each in objects:
                part = coco.annToMask(each)
                assert each["area"] == part.sum() >= 20
                assert each["presence"] == pytest.approx(found.presence[category - 1], abs=0.02)
                together += part
            assert together.max(initial=0) <= 1
            numbers, _ = label(whole, np.ones((3, 3)))
            large = whole & (np.bincount(numbers.ravel())[numbers] >= 20)
            assert ((together == 1) != large).mean() <= 1e-3


def test_index_maps_are_the_objects(everything: Path, photos: Photos) -> None:
    coco = COCO(str(everything / "a.json"))
    assert sorted(str(path.relative_to(everything / "maps")) for path in (everything / "maps").rglob("*.png")) == list(
        photos.names
    )
    for image in coco.imgs.values():
        picture = Image.open(everything / "maps" / image["file_name"])
        assert picture.mode == "P"
        expected = np.zeros((image["height"], image["width"]), np.uint8)
        for each in coco.loadAnns(coco.getAnnIds([image["id"]])):
            expected[coco.annToMask(each) == 1] = each["category_id"]
        assert np.array_equal(np.asarray(picture), expected)
    assert picture.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]


def test_yolo_s_files_come_back_equal(everything: Path, photos: Photos) -> None:
    pytest.importorskip("supervision")
    from supervision.dataset.formats.yolo import yolo_annotations_to_detections

    coco = COCO(str(everything / "a.json"))
    for image in coco.imgs.values():
        lines = (everything / "yolo/labels" / image["file_name"]).with_suffix(".txt").read_text().splitlines()
        size = (image["width"], image["height"])
        found = yolo_annotations_to_detections(lines, resolution_wh=size, with_masks=True)
        for category in (1, 2, 3):
            expected = np.zeros(size[::-1], bool)
            for each in coco.loadAnns(coco.getAnnIds([image["id"]], [category])):
                expected |= coco.annToMask(each) == 1
            own = (
                [mask for mask, number in zip(found.mask, found.class_id, strict=True) if number == category - 1]
                if lines
                else []
            )
            assert np.array_equal(np.any(own, axis=0) if own else np.zeros(size[::-1], bool), expected)


def test_the_page_begins_with_the_least_certain(everything: Path) -> None:
    page = (everything / "p.html").read_text()
    coco = COCO(str(everything / "a.json"))
    lowest = {
        image["file_name"]: min((each["presence"] for each in coco.loadAnns(coco.getAnnIds([image["id"]]))), default=2)
        for image in coco.imgs.values()
    }
    shown = [part.partition('"')[0] for part in page.split('alt="')[1:]]
    assert sorted(shown) == sorted(lowest)
    assert [lowest[name] for name in shown] == sorted(lowest.values())
    assert page.count("data:image/jpeg;base64,") == len(lowest)
    assert "http" not in page.partition("</style>")[2]


def test_other_tools_fields(everything: Path, finished: Path) -> None:
    """What CVAT (docs: formats/format-coco) and Label Studio's converter (import coco) ask for in a file."""
    for path in (everything / "a.json", finished):
        found = content(path)
        assert found.keys() == {"info", "licenses", "categories", "images", "annotations"}
        for each in found["annotations"]:
            assert each.keys() >= {"id", "image_id", "category_id", "segmentation", "area", "bbox", "iscrowd"}
            assert each["iscrowd"] == 0
            if path != finished:
                assert all(len(part) >= 6 and len(part) % 2 == 0 for part in each["segmentation"])
        assert all(each.keys() == {"id", "file_name", "width", "height"} for each in found["images"])
        assert all(each.keys() == {"id", "name", "supercategory"} for each in found["categories"])
        assert len({each["id"] for each in found["annotations"]}) == len(found["annotations"])


def test_a_score_leaves_out_what_is_below(photos: Photos, finished: Path, tmp_path: Path) -> None:
    scores = sorted(each["score"] for each in content(finished)["annotations"])
    middle = f"{(scores[3] + scores[4]) / 2:.5f}"
    run(*photos.args(tmp_path / "a.json", "--min_score", middle))
    assert sorted(each["score"] for each in content(tmp_path / "a.json")["annotations"]) == scores[4:]


# --- references -------------------------------------------------------------------------------------------------------


def test_memories_are_references(photos: Photos, finished: Path, tmp_path: Path) -> None:
    segmenter = load("nano")
    segmenter.remember(
        {
            name: [
                (path, Prompt.mask(path.parents[1] / "masks" / path.name))
                for path in sorted((photos.root / "refs" / name / "images").iterdir())
            ]
            for name in CATEGORIES
        }
    ).save(tmp_path / "m.safetensors")
    run(*photos.args(tmp_path / "a.json", "--references", tmp_path / "m.safetensors"))
    assert (tmp_path / "a.json").read_bytes() == finished.read_bytes()


@pytest.mark.slow
def test_the_base_is_the_adapter_s(photos: Photos, finished: Path, tmp_path: Path) -> None:
    from builders import model
    from sansa_lightning.checkpoints.header import HEADER
    from sansa_lightning.strategies.adaptformer import AdaptFormer
    from sansa_lightning.trackers.zoo import Base

    made = model(Base("nano").build(), AdaptFormer())
    state = {name: value.detach() for name, value in made.trained().items()}
    torch.save({HEADER: made.header(), "state_dict": state}, tmp_path / "a.ckpt")
    given = [
        each
        for each in photos.args(tmp_path / "a.json", "--adapter", tmp_path / "a.ckpt")
        if each not in ("--base", "nano")
    ]
    run(*given)
    assert (tmp_path / "a.json").read_bytes() == finished.read_bytes()  # an untrained adapter changes nothing


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--overlap", "most"), "argument --overlap: invalid choice: 'most' (choose from"),
        (("--min_score", "2"), "argument --min_score: expected a number from 0 to 1, but got '2'"),
        (("--min_area", "-1"), "argument --min_area: expected a whole number of at least 1, but got '-1'"),
        (("--min_score", "nan"), "argument --min_score: expected a number from 0 to 1, but got 'nan'"),
        *(
            (("--references", "m.safetensors", *more), f"{more[0]}: expected no such option with memories, which have")
            for more in (("--size", "96"), ("--shots", "1"), ("--reference_images", "."))
        ),
        (("--shard", "3/3"), "argument --shard: expected I/N with 0 <= I < N, such as 0/4, but got '3/3'"),
        (("--out", "a.txt"), "--out: expected the name of a .json file, but got a.txt"),
        (("--preview", "a.pdf"), "--preview: expected the name of an .html file, but got a.pdf"),
        (("--nothing",), "unrecognized arguments: --nothing; see annotate --help"),
        (("--images", "nowhere"), "--images: nowhere is not there; expected a folder, a list of paths (.txt)"),
        (("--images", "{root}/refs/grid/images/0.png"), "--images: expected a folder, a list of paths (.txt)"),
        (
            ("--images", "{root}/photos", "{root}/photos"),
            "--images: expected pictures of different names, but 2 have 'a/",
        ),
        (("--references", "nowhere"), "--references: nowhere is not there; expected a folder with <class>/images"),
        (("--references", "{root}/photos"), "photos has none; expected a folder with <class>/images and <class>/masks"),
        (
            ("--references", "{root}/images.json"),
            "images.json to have annotations as COCO's files, or references, but got",
        ),
        (("--base", "sam9"), "Base.name: expected one of nano"),
        (("--device", "abacus"), "device: expected one of this machine"),
        (("--masks", "{root}/list.txt"), "--masks: cannot write to "),
        (("--out", "{root}/list.txt/a.json"), "--out: cannot write to "),
    ],
)
def test_refusals(more: tuple[str, ...], message: str, photos: Photos, tmp_path: Path, capsys: Any) -> None:
    said = refusal(capsys, *photos.args(tmp_path / "a.json", *(each.format(root=photos.root) for each in more)))
    assert message in said
    assert not list(tmp_path.rglob("*.jsonl"))


def test_more_classes_than_an_index_map_has_numbers(photos: Photos, tmp_path: Path, capsys: Any) -> None:
    """Refused before a picture is annotated, also where the classes are those of memories."""
    entries = [{"image": "0.png", "class": f"c{number}", "points": [[1, 1]]} for number in range(256)]
    (tmp_path / "r.json").write_text(json.dumps({"references": entries}))
    names, pixel = tuple(f"c{number}" for number in range(256)), torch.zeros(1)
    frames = torch.zeros(256, 3, 8, 8, dtype=torch.uint8)
    made_by = load("nano").maker
    Memories(names, ({"x": pixel},) * 256, frames, frames[:, 0] > 0, made_by).save(tmp_path / "m.safetensors")
    for given in ("r.json", "m.safetensors"):
        args = photos.args(tmp_path / "a.json", "--references", tmp_path / given, "--masks", tmp_path / "maps")
        said = refusal(capsys, *args)
        assert said == "--masks: expected at most 255 classes, which a byte can number, but there are 256"


def test_scores_are_numbers_in_any_notation() -> None:
    given = ("--references", "r", "--images", "i", "--out", "a.json", "--min_score")
    assert [read_options([*given, text]).min_score for text in ("1e-3", "0.50", "1")] == [1e-3, 0.5, 1]


def test_finished_results_are_not_replaced_by_accident(photos: Photos, finished: Path, capsys: Any) -> None:
    before = finished.stat().st_mtime_ns
    said = refusal(capsys, *photos.args(finished))
    assert said == f"--out: {finished} is there already and finished; expected another name, or --overwrite"
    assert finished.stat().st_mtime_ns == before
