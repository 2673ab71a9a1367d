"""Index maps of a few lines of a journal."""

from __future__ import annotations

import numpy as np
from PIL import Image

from sansa_lightning.annotate.found import Found
from sansa_lightning.annotate.job.entries import Shape, entries_of
from sansa_lightning.annotate.job.index_maps import write_index_maps
from sansa_lightning.annotate.job.journal import Journal, Record


def written(folder, *pictures):
    """Index maps of pictures, each a name and the masks of its classes."""
    images = []
    for name, masks in pictures:
        array = np.array(masks, bool)
        found = Found(tuple("abc"[: len(array)]), array, np.ones(len(array), np.float32))
        images.append({"name": name, "size": array.shape[1:], "found": entries_of(found, Shape())})
    with Journal(folder / "journal", "all", {}) as journal:
        journal.append({"group": 0, "images": images})
    write_index_maps(folder / "maps", Record(folder / "journal", 1))
    return {
        path.relative_to(folder / "maps").as_posix(): np.asarray(Image.open(path)).tolist()
        for path in (folder / "maps").rglob("*.png")
    }


def test_the_smaller_object_is_on_top(tmp_path):
    large, small, middle = [[1, 1, 1, 1]], [[0, 1, 0, 0]], [[0, 1, 1, 0]]
    assert written(tmp_path, ("a.jpg", [small, large, middle])) == {"a.png": [[2, 1, 3, 2]]}


def test_each_picture_has_its_own_file(tmp_path):
    """Whatever a list calls them."""
    names = ("../a.jpg", "a.jpg", "/a.jpg", "a.png", "b.x.jpg")
    found = written(tmp_path, *((name, [[[1] * number + [0]]]) for number, name in enumerate(names, 1)))
    assert found == {
        "a.jpg.png": [[1, 0]],
        "a.jpg_2.png": [[1, 1, 0]],
        "a.jpg_3.png": [[1, 1, 1, 0]],
        "a.png.png": [[1, 1, 1, 1, 0]],
        "b.x.png": [[1, 1, 1, 1, 1, 0]],
    }
