"""References from folders, COCO files and files of prompts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from fakes.photos import Photos
from sansa_lightning.annotate.given.prompts_file import clicks_on
from sansa_lightning.annotate.given.references import each_class, find_references
from sansa_lightning.annotate.inputs import as_picture
from sansa_lightning.annotate.remembering import fitted


def found(path, images=None, shots=None):
    references = find_references(path, images, "upright", shots)
    return dict(each_class(references)), dict(references.ids)


def test_a_folder_for_each_class(photos: Photos):
    classes, ids = found(photos.root / "refs")
    assert ids == {"grid": 1, "plus": 2, "stripes": 3}
    assert {name: len(pairs) for name, pairs in classes.items()} == {"grid": 2, "plus": 1, "stripes": 1}
    for name, pairs in classes.items():
        for path, prompt in pairs:
            mask = np.asarray(Image.open(photos.root / "refs" / name / "masks" / path.name)) == 255
            assert np.array_equal(prompt.dense.numpy() == 1, mask)
            assert mask.any()
    assert {name: len(pairs) for name, pairs in found(photos.root / "refs", shots=1)[0].items()} == dict.fromkeys(
        ids, 1
    )


def test_images_without_a_mask_are_no_references(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / "cat/images").mkdir(parents=True, exist_ok=True)
        (tmp_path / "cat/masks").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / f"cat/images/{name}.png")
    Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(tmp_path / "cat/masks/b.png")
    classes, _ = found(tmp_path)
    assert [path.name for path, _ in classes["cat"]] == ["b.png"]


def test_classes_without_a_usable_reference_are_told_of(tmp_path, capsys):
    for name in ("ant/images", "ant/masks", "bee/images", "bee/masks", "cat/images", "dog/masks", "notes"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("ant", "bee", "cat"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}/images/a.png")
    with pytest.raises(ValueError, match=r"none that can be used: 2 .* masks \(first: cat\); 2 .* \(first: ant\); exp"):
        found(tmp_path)
    Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(tmp_path / "bee/masks/a.png")
    assert found(tmp_path)[1] == {"bee": 2}
    assert capsys.readouterr().err.splitlines() == [
        "annotate: 2 classes left out, whose folder has not both of images and masks (first: cat)",
        "annotate: 1 class left out, without a reference that can be used (first: ant)",
    ]


def test_categories_of_crowds_alone_are_told_of(tmp_path, capsys):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    box = {"segmentation": [[1, 1, 5, 1, 5, 5, 1, 5]], "area": 16, "bbox": [1, 1, 4, 4], "image_id": 1}
    crowd = {**box, "id": 1, "category_id": 1, "iscrowd": 1}
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 8}],
        "categories": [{"id": 1, "name": "ant"}, {"id": 2, "name": "bee"}, {"id": 3, "name": "cat"}],
        "annotations": [crowd, {**box, "id": 2, "category_id": 2, "iscrowd": 0}],
    }
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(content))
    assert found(path)[1] == {"bee": 2}
    said = capsys.readouterr().err
    assert "2 classes left out, without a reference that can be used (first: ant)" in said
    assert "1 crowd region (iscrowd) ignored" in said
    path.write_text(json.dumps({**content, "annotations": [crowd]}))
    with pytest.raises(ValueError, match=r"coco\.json has none that can be used: .*1 crowd region \(iscrowd\) ignored"):
        found(path)


def test_a_file_in_coco_s_format(coco):
    classes, ids = found(coco.annotations("val"), coco.root / "val2017")
    content = json.loads(coco.annotations("val").read_text())
    names = {each["name"]: each["id"] for each in content["categories"]}
    assert ids == {name: names[name] for name in ids}
    assert len(ids) > 3
    for image, prompt in classes["ant"]:
        assert prompt.dense.shape == image.shape[:2]
        assert prompt.dense.any()


def write(tmp_path, *entries):
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"references": list(entries)}))
    Image.new("RGB", (60, 40)).save(tmp_path / "a.png")
    Image.fromarray(np.eye(40, 60, dtype=np.uint8) * 255).save(tmp_path / "m.png")
    return path


def test_prompts_of_every_kind(tmp_path):
    own = {"image": "a.png", "class": "cat"}
    path = write(
        tmp_path,
        {**own, "points": [[3, 4], [5, 6]], "labels": [1, 0]},
        {**own, "box": [1, 2, 30, 20], "points": [[9, 9]]},
        {**own, "scribbles": [[[0, 0], [3, 4]], [[7, 7]]]},
        {**own, "class": "dog", "mask": "m.png"},
    )
    classes, ids = found(path)
    assert ids == {"cat": 1, "dog": 2}
    prompts = [prompt for _, prompt in classes["cat"]]
    assert prompts[0].coords.tolist() == [[3, 4], [5, 6]]
    assert prompts[0].labels.tolist() == [1, 0]
    assert prompts[1].coords.tolist() == [[1, 2], [30, 20], [9, 9]]
    assert prompts[1].labels.tolist() == [2, 3, 1]
    assert prompts[2].coords.numpy() == pytest.approx(
        np.array([[0, 0], [0.6, 0.8], [1.2, 1.6], [1.8, 2.4], [2.4, 3.2], [3, 4], [7, 7]])
    )
    assert np.array_equal(classes["dog"][0][1].dense.numpy(), np.eye(40, 60))
    assert as_picture(classes["dog"][0][0]).size == (60, 40)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"points": [[61, 4], [5, 6]], "labels": [1, 0]}, r"a\.png: expected a click .* inside the picture of 60 x 40"),
        ({"points": [[-1, 4]]}, r"a\.png: expected a click on the object, or a box, inside the picture"),
        ({"box": [60, 0, 90, 20]}, r"a\.png: expected a click on the object, or a box, inside the picture"),
        ({"mask": "small.png"}, r"a\.png: expected a mask of \[40, 60\], but got \[4, 6\]"),
        ({"mask": "empty.png"}, r"reference 0: expected a mask that shows the class, but .*empty\.png is empty"),
    ],
)
def test_prompts_that_mark_nothing(entry, message, tmp_path):
    Image.fromarray(np.eye(4, 6, dtype=np.uint8) * 255).save(tmp_path / "small.png")
    Image.new("L", (60, 40)).save(tmp_path / "empty.png")
    path = write(tmp_path, {"image": "a.png", "class": "cat", **entry})
    with pytest.raises(ValueError, match=message):
        fitted(found(path)[0]["cat"], 80, "upright")


def test_prompts_that_reach_out_of_the_picture_mark_what_is_inside(tmp_path):
    own = {"image": "a.png", "class": "cat"}
    path = write(tmp_path, {**own, "box": [-5, 30, 90, 90]}, {**own, "points": [[99, 1], [60, 40]]})
    frames, prompts = fitted(found(path)[0]["cat"], 120, "upright")
    assert frames.shape == (2, 3, 120, 120)
    assert prompts[1].coords.tolist() == [[198, 3], [120, 120]]


def test_long_scribbles_are_thinned_evenly():
    clicks = clicks_on([[0, 0], [630, 0]])
    assert np.array_equal(clicks, np.stack([np.arange(64) * 10.0, np.zeros(64)], 1))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"image": "a.png"}, r"reference 0: expected an object with image, class and a prompt, but got "),
        ({"image": "a.png", "class": "c"}, r"reference 0: expected a box, or points on the object, but got none"),
        ({"image": "../a.png", "class": "c", "box": [0, 0, 1, 1]}, r"reference 0: expected the name of a picture"),
        (
            {"image": "a.png", "class": "c", "box": [0, 0, 1]},
            r"reference 0: expected a box as four numbers x0, y0, x1, y1, but",
        ),
        (
            {"image": "a.png", "class": "c", "points": [[1, 2], [3]]},
            r"reference 0: expected points as a list of \[x, y\], but",
        ),
        (
            {"image": "a.png", "class": "c", "points": [[1, 2]], "labels": []},
            r"expected 1 label, one per point, but got 0",
        ),
        (
            {"image": "a.png", "class": "c", "scribbles": [[1, 2]]},
            r"reference 0: expected a scribble as a list of \[x, y\], but got \[1, 2\]",
        ),
        *(
            (
                {"image": "a.png", "class": "c", **odd},
                rf"prompts\.json, reference 0: expected {message}, but got {got}$",
            )
            for odd, message, got in (
                ({"points": 3}, r"points as a list of \[x, y\]", "3"),
                ({"points": [[10, None]]}, r"points as a list of \[x, y\]", r"\[\[10, None\]\]"),
                ({"points": [[10, float("nan")]]}, r"points as a list of \[x, y\]", r"\[\[10, nan\]\]"),
                ({"points": [[1, 2]], "labels": 1}, "labels as a list of 0 and 1", "1"),
                ({"points": [[1, 2]], "labels": ["1"]}, "labels as a list of 0 and 1", r"\['1'\]"),
                ({"scribbles": {}}, r"scribbles as a list of strokes, each a list of \[x, y\]", "{}"),
                ({"scribbles": [[["a", 1]]]}, r"a scribble as a list of \[x, y\]", r"\[\['a', 1\]\]"),
                ({"scribbles": [[]]}, r"a scribble as a list of \[x, y\]", "an empty one"),
                ({"box": [1, 2, "3", 4]}, "a box as four numbers x0, y0, x1, y1", r"\[1, 2, '3', 4\]"),
                (
                    {"points": [[1, 2]], "labels": [0]},
                    "a box, or points on the object",
                    "clicks on the background alone",
                ),
            )
        ),
        ({"image": "a.png", "class": "c\nd", "box": [0, 0, 1, 1]}, r"names of classes of printable .* got 'c\\nd'$"),
        ({"image": "a.png", "class": " ", "box": [0, 0, 1, 1]}, r"names of classes of printable .* got ' '$"),
        ({"image": "a.png", "class": "c", "boxes": [1]}, r"reference 0: expected only box, .* but got 'boxes'"),
        ({"image": "a.png", "class": "c", "mask": "m.png", "box": [0, 0, 1, 1]}, r"expected a mask alone, or points"),
    ],
)
def test_prompts_that_are_none(entry, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        found(write(tmp_path, entry))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["a\tb", "a\u202eb"])
def test_folders_whose_names_cannot_be_printed_are_refused(name, tmp_path):
    for part in ("images", "masks"):
        (tmp_path / name / part).mkdir(parents=True)
        Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(tmp_path / name / part / "0.png")
    with pytest.raises(ValueError, match=r"^--references: .*: expected names of classes of printable characters, but"):
        found(tmp_path)
