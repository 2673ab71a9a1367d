"""Results among what a job is given are refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from sansa_lightning.annotate.given.apart import check_apart, check_pictures
from sansa_lightning.annotate.given.targets import find_targets
from sansa_lightning.annotate.options import read_options


def asked(root: Path, **options: str):
    own = {"references": "refs", "images": "photos", "out": "a.json", **options}
    return read_options([part for key, value in own.items() for part in (f"--{key}", str(root / value))])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("refs/cat/masks", "photos/a", "other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "photos/a/1.png").write_bytes(b"")
    (tmp_path / "photos/list.txt").write_text("a/1.png\n")
    (tmp_path / "link").symlink_to("photos")
    return tmp_path


@pytest.mark.parametrize("option", ["masks", "yolo"])
@pytest.mark.parametrize("folder", ["photos", "link", "photos/maps", "refs/cat/masks", "refs", "other/..", "."])
def test_folders_that_overlap_are_refused(option: str, folder: str, root: Path):
    with pytest.raises(
        ValueError, match=rf"^--{option}: expected a folder apart from what the job reads, but .* overl"
    ):
        check_apart(asked(root, **{option: folder}))


@pytest.mark.parametrize("folder", ["photos/a", "link/a", "photos"])
def test_a_listed_picture_in_the_folder_is_refused(folder: str, root: Path):
    options = asked(root, images="photos/list.txt", masks=folder)
    with pytest.raises(ValueError, match=r"^--masks: .* but .*a/1\.png is in .* and could be replaced$"):
        check_pictures(options, find_targets(options.images, None))


def test_a_link_to_a_picture_in_the_folder_is_refused(root: Path):
    (root / "other/2.png").symlink_to(root / "photos/a/1.png")
    options = asked(root, images="other", masks="photos")
    with pytest.raises(ValueError, match=r"other/2\.png is in .*photos and could be replaced$"):
        check_pictures(options, find_targets(options.images, None))


def test_the_results_are_no_file_that_is_read(root: Path):
    (root / "coco.json").write_text("{}")
    for options in ({"images": "coco.json"}, {"references": "coco.json"}):
        with pytest.raises(
            ValueError, match=r"^--out: .*coco\.json is a file that the job reads; expected another name"
        ):
            check_apart(asked(root, out="coco.json", **options))


def test_folders_beside_the_pictures_are_fine(root: Path):
    options = asked(root, images="photos/list.txt", masks="photos/maps", yolo="other", out="photos/a.json")
    check_apart(options)
    check_pictures(options, find_targets(options.images, None))
