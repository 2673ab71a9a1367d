"""Small data sets as people have them: masks are where the pictures show something, or there is one line that says why.

Each folder of ``shared/cases`` that is about annotation files, and one of its kind that is made here.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.cases import iou, shown, write_case
from launches import call, refusal
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.formats.notes import as_counts
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.coco_file import CocoFile

LEAST_IOU = 0.9
"""Mean over a data set, of masks with what its pictures show; edges and JPEG leave a little."""


@dataclass(frozen=True)
class Case:
    """What a data set has to give.

    Attributes:
        folder: in ``shared/cases``.
        kind: of ``fakes.cases``; as the folder if empty.
        options: of the source.
        objects: images with a mask, in the folder and in the one made here.
        notes: beginnings of what is noted -> how often in either.
        refused: the whole error before a run; empty if there is none.
        fold: of Strict.
    """

    folder: str
    kind: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    objects: tuple[int, int] = (48, 24)
    notes: dict[str, tuple[int, int]] = field(default_factory=dict)
    refused: str = ""
    fold: int = 0

    def __str__(self) -> str:
        return f"{self.kind or self.folder}{'-' if self.options else ''}{'-'.join(map(str, self.options.values()))}"


IGNORED, TAKEN = (
    "crowd regions (iscrowd) ignored (crowds: objects would use them as objects)",
    "crowd regions (iscrowd) used as objects",
)
RELATIVE = (
    r"{path}: (48 of 48|24 of 24|19 of 19) annotations with polygons have no coordinate beyond 1 \(first: annotation "
    r"\d+\); are they relative\? Expected pixels: x times width, y times height"
)
ONE_NAME = (
    r"Strict fold {fold}: '[\w ]+', class \d \(category \d\) would be trained and '[\w ]+', class \d \(category \d\) "
    r"tested as unseen, but they have one name, compared without capitals and spaces; so have 1 of the \d classes to "
    r"test in coco_file in \S+; expected one class per name: merge or rename them"
)
ONE_CLASS = (
    r"Strict needs two classes at least, to train on one and to test another, but the train split of coco_file in \S+ "
    r"has one, 'bolt'; AllClasses trains and tests the same ones"
)
MERGED = {"images merged with another id of the same picture": (1, 1), "annotations left out as duplicates": (1, 1)}
CASES = (
    Case("cvat_crowd_half", "crowd_half", objects=(24, 12), notes={IGNORED: (24, 12)}),
    Case("cvat_crowd_half", "crowd_half", {"crowds": "objects"}, notes={TAKEN: (24, 12)}),
    Case("normalised", refused=RELATIVE),
    Case("empty_segmentation", objects=(47, 23), notes={"annotations left out, without a segmentation": (1, 1)}),
    Case("degenerate_part", notes={"parts of annotations left out": (1, 1)}),
    Case("dup_names", refused=ONE_NAME),
    Case("backslash", notes={"names of pictures with backslashes": (48, 24)}),
    Case("string_ids"),
    Case("float_ids"),
    Case("rle_in_list"),
    Case("dup_file", notes=MERGED),
    Case("absolute_right"),
    Case("classes_1", refused=ONE_CLASS),
)
MADE = (
    *CASES,
    Case("", "normalised_beyond", refused=RELATIVE),
    Case("", "crowds_all", {"crowds": "objects"}, notes={TAKEN: (24, 24)}),
    Case(
        "",
        "crowds_all",
        refused=r"Strict fold 0, base classes: none of its 3 classes has 2 images in the train split of coco_file "
        r"in \S+; expected one with at least 2; 24 crowd regions \(iscrowd\) ignored \(crowds: objects "
        r"would use them as objects\) \(first: annotation 1\)",
    ),
)


def copied(shared: Path, folder: str, root: Path) -> Path:
    """A folder of ``shared/cases``, as it is after unpacking; the path of its annotations."""
    shutil.copytree(shared / "cases" / folder, root)
    for path in (root, *root.rglob("*")):
        path.chmod(0o755)
    path = root / "ann.json"
    path.write_text(path.read_text().replace("@ROOT@", str(root)))
    return path


def check(case: Case, path: Path, place: int) -> None:
    source = CocoFile(path.parent / "img", path, **case.options)
    data = EpisodeDataModule(source, Strict(case.fold), size=32, train_length=4, val_episodes=2, test_episodes=2)
    if case.refused:
        with pytest.raises(ValueError, match=f"^{case.refused.format(path=path, fold=case.fold)}$") as caught:
            data.setup("fit")
        assert str(caught.value).isprintable()
        return
    data.setup("fit")
    counts = as_counts(source.notes("train"))
    told = {start: counts[what] for start in case.notes for what in counts if what.startswith(start)}
    assert told == {start: numbers[place] for start, numbers in case.notes.items()}
    assert len(counts) == len(told)
    assert data.notes.get("coco_file/train", {}) == counts
    found = [
        iou(source.load(key, class_id)[1] == 1, shown(Path(source.picture(key))))
        for class_id in source.classes("train")
        for key in source.images(class_id, "train")
    ]
    assert len(found) == case.objects[place]
    assert sum(found) / len(found) >= LEAST_IOU


@pytest.mark.parametrize("case", CASES, ids=str)
def test_shared(case: Case, shared: Path, tmp_path: Path) -> None:
    check(case, copied(shared, case.folder, tmp_path / "case"), 0)


@pytest.mark.parametrize("case", MADE, ids=str)
def test_made_here(case: Case, tmp_path: Path) -> None:
    check(case, write_case(tmp_path / "case", case.kind or case.folder), 1)


class TestDescribe:
    """As a person sees it, in the folder itself."""

    @pytest.fixture
    def configured(self, tmp_path, monkeypatch):
        """A function that writes a case with its ``cfg.yaml`` and goes to its folder."""

        def write(kind: str) -> Path:
            root = tmp_path / "case"
            write_case(root, kind)
            source = {"class_path": "CocoFile", "init_args": {"root": "img", "annotations": "ann.json"}}
            protocol = {"class_path": "Strict", "init_args": {"fold": 0}}
            data = {"source": source, "protocol": protocol, "size": 64, "num_workers": 0, "test_episodes": 4}
            (root / "cfg.yaml").write_text(yaml.safe_dump({"data": data}))
            monkeypatch.chdir(root)
            return root

        return write

    def test_notes_are_printed(self, configured, capsys):
        configured("crowd_half")
        with pytest.raises(SystemExit, match=r"^0$"):
            call("data", "describe", "--config", "cfg.yaml", "--out", "sheet.png")
        lines = [line for line in capsys.readouterr().out.splitlines() if "crowd regions" in line]
        what = "12 crowd regions (iscrowd) ignored (crowds: objects would use them as objects)"
        assert [line.split(None, 1)[1] for line in lines] == [
            f"coco_file in img, {split} split: {what} (first: annotation 1)" for split in ("train", "val")
        ]

    def test_the_option(self, configured, capsys):
        configured("crowd_half")
        option = ("--data.source.init_args.crowds", "objects")
        with pytest.raises(SystemExit, match=r"^0$"):
            call("data", "describe", "--config", "cfg.yaml", "--out", "sheet.png", *option)
        assert "12 crowd regions (iscrowd) used as objects" in capsys.readouterr().out

    def test_a_refusal_is_one_line(self, configured, capsys):
        configured("dup_names")
        said = refusal(capsys, "data", "describe", "--config", "cfg.yaml", "--out", "sheet.png")
        assert said.startswith("Strict fold 0: ' BOLT', class 1 (category 2) would be trained and 'bolt', class 0")
        assert not os.path.exists("sheet.png")  # noqa: PTH110 - in the folder that the test has gone to
