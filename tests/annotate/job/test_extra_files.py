"""Files beside the annotations, of a record that needs no model: index maps, YOLO's format and the page."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sansa_lightning.annotate.found import Found
from sansa_lightning.annotate.given.targets import Target
from sansa_lightning.annotate.job.entries import Shape, entries_of
from sansa_lightning.annotate.job.index_maps import write_index_maps
from sansa_lightning.annotate.job.journal import Record
from sansa_lightning.annotate.job.preview import write_preview
from sansa_lightning.annotate.job.yolo import write_yolo


def record(folder: Path, *pictures: tuple[str, np.ndarray]) -> Record:
    """Of pictures with a mask each, bool [M, H, W]."""
    images = []
    for number, (name, masks) in enumerate(pictures):
        found = Found(tuple("abc"[: len(masks)]), masks, np.full(len(masks), 0.5, np.float32))
        own = {"target": number, "name": name, "id": number + 1, "size": masks.shape[1:]}
        images.append({**own, "found": entries_of(found, Shape())})
    folder.mkdir()
    (folder / "all.jsonl").write_text(json.dumps({"group": 0, "images": images}) + "\n")
    return Record(folder, 1)


def drawn(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """A mask for each box: row, column, height, width."""
    masks = np.zeros((len(boxes), 20, 30), bool)
    for mask, (y, x, height, width) in zip(masks, boxes, strict=True):
        mask[y : y + height, x : x + width] = True
    return masks


def test_parts_too_thin_for_a_polygon_are_left_out_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("supervision")
    masks = drawn((2, 2, 5, 6), (10, 3, 1, 9), (15, 15, 1, 1))
    masks[0, 12, 20:25] = True  # a second part of the first
    masks[0, 3, 4] = False  # a hole
    found = record(tmp_path / "j", ("1.png", masks), ("2.png", drawn()))
    write_yolo(tmp_path / "yolo", found, ["a", "b", "c"])
    (line,) = (tmp_path / "yolo/labels/1.txt").read_text().splitlines()
    corners = np.array(line.split()[1:], float).reshape(-1, 2) * [30, 20]
    assert {tuple(each) for each in corners.round().astype(int).tolist()} > {(2, 2), (7, 2), (7, 6), (2, 6)}
    assert corners[:, 1].max() < 6.1
    assert (tmp_path / "yolo/labels/2.txt").read_text() == ""
    assert capsys.readouterr().err == "annotate: --yolo: 3 parts of objects too thin for a polygon, left out\n"


def test_files_of_another_job_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("supervision")
    found = record(tmp_path / "j", ("a/1.png", drawn((2, 2, 5, 6))))
    for _ in range(2):
        write_index_maps(tmp_path / "maps", found)
        write_yolo(tmp_path / "yolo", found, ["a"])
    assert capsys.readouterr().err == ""
    for place in ("maps/a/2.png", "maps/a/3.png", "yolo/labels/2.txt"):
        (tmp_path / place).write_bytes(b"")
    write_index_maps(tmp_path / "maps", found)
    write_yolo(tmp_path / "yolo", found, ["a"])
    assert capsys.readouterr().err.splitlines() == [
        f"annotate: --masks: 2 files in {tmp_path / 'maps'} not of this job (first: a/2.png)",
        f"annotate: --yolo: 1 file in {tmp_path / 'yolo/labels'} not of this job (first: 2.txt)",
    ]


def test_the_page_shows_names_alone_of_pictures_that_are_gone_and_odd_ones(tmp_path: Path):
    odd = os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (30, 20)).save(tmp_path / "there.png")
    (tmp_path / "damaged.png").write_bytes((tmp_path / "there.png").read_bytes()[:60])
    names = ("gone.png", odd, "damaged.png")
    found = record(tmp_path / "j", *((name, drawn((2, 2, 5, 6))) for name in names))
    targets = [
        Target(name, tmp_path / place) for name, place in zip(names, ("gone", "there.png", names[2]), strict=True)
    ]
    write_preview(tmp_path / "p.html", found, targets, ["a"], "upright", 9)
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert page.count("This picture cannot be read any more.") == 2
    assert page.count("<img") == 1
    assert 'alt="caf\ufffd.png"' in page
    assert "<figcaption>gone.png<br>" in page
    assert "<figcaption>damaged.png<br>" in page
