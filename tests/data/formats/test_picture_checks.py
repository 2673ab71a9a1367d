"""Looking at all pictures: how many are refused, and what is told of EXIF."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from fakes.annotated import FakeAnnotations
from fakes.coco import TURNED as TURNED_IMAGE
from fakes.coco import write_coco
from fakes.lvis import write_lvis
from fakes.pascal5i import write_pascal5i
from fakes.turned import TO_STORED, camera, with_orientation
from sansa_lightning.data.formats.picture_checks import AS_ASKED, AS_SIZED, DOUBTFUL, MASKS, TURNED, first_of
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.coco_file import CocoFile
from sansa_lightning.data.sources.folder import Folder
from sansa_lightning.data.sources.lvis import Lvis
from sansa_lightning.data.sources.pascal5i import Pascal5i

BOX = (4, 3, 22, 11)


def painted(height, width):
    """Upright pictures with a bright box, away from all axes of symmetry."""
    values = np.full((height, width, 3), 20, np.uint8)
    values[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 220
    return values


def dataset(root, pictures, segmentation):
    """A COCO file of pictures: (size of the upright one, orientation, size in the JSON)."""
    images, annotations = [], []
    for number, (size, orientation, said) in enumerate(pictures):
        camera(root / f"{number}.png", painted(*size), orientation)
        images.append({"id": number, "file_name": f"{number}.png", "height": said[0], "width": said[1]})
        drawn = segmentation(size, orientation, said)
        annotations.append({"id": number, "image_id": number, "category_id": 1, "iscrowd": 0, "segmentation": drawn})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "box"}]}
    (root / "ann.json").write_text(json.dumps(content))
    return root


def on_upright(size, orientation, said):
    x0, y0, x1, y1 = BOX
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def runs(size, orientation, said):
    """Run lengths of the upright mask, or of the stored one if the JSON has that size."""
    mask = painted(*size)[..., 0] > 100
    mask = mask if tuple(said) == tuple(size) else TO_STORED[orientation](mask)
    flat = np.concatenate([[False], mask.T.ravel(), [not mask.T.ravel()[-1]]])
    counts = np.diff(np.flatnonzero(flat[1:] != flat[:-1]), prepend=0)
    return {"size": list(mask.shape), "counts": counts.tolist()}


def masks_fit(source):
    for key in source.images(0, "val"):
        image, mask = source.load(key, 0)
        np.testing.assert_array_equal(mask == 1, image[..., 0] > 100)


def notes(source, split="val"):
    source.verify(split)
    return {note.what: note.count for note in source.notes(split)}


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("size", [(20, 32), (32, 32)])
@pytest.mark.parametrize("segmentation", [on_upright, runs])
def test_annotations_on_upright_pictures(tmp_path, orientation, size, segmentation):
    dataset(tmp_path, [(size, orientation, size)] * 3, segmentation)
    source = CocoFile(tmp_path, tmp_path / "ann.json")
    assert notes(source) == {TURNED: 3}
    masks_fit(source)


@pytest.mark.parametrize("orientation", range(5, 9))
@pytest.mark.parametrize("exif", ["upright", "stored"])
def test_sizes_that_say_stored(tmp_path, orientation, exif):
    dataset(tmp_path, [((20, 32), orientation, (32, 20))] * 3, runs)
    source = CocoFile(tmp_path, tmp_path / "ann.json", exif=exif)
    assert notes(source) == {AS_SIZED: 3}
    masks_fit(source)


@pytest.mark.parametrize("orientation", [3, 6])
def test_the_option_for_annotations_on_stored_pixels(tmp_path, orientation):
    def on_stored(size, orientation, said):
        return runs(size, orientation, (0, 0))  # no size of the upright picture

    dataset(tmp_path, [((32, 32), orientation, (32, 32))] * 3, on_stored)
    source = CocoFile(tmp_path, tmp_path / "ann.json", exif="stored")
    assert notes(source) == {AS_ASKED: 3}
    masks_fit(source)


def test_sizes_that_say_stored_beside_some_that_do_not_tell(tmp_path):
    pictures = [((20, 32), 6, (32, 20)), ((32, 32), 6, (32, 32)), ((20, 32), 3, (20, 32)), ((20, 32), 1, (20, 32))]
    dataset(tmp_path, pictures, on_upright)
    source = CocoFile(tmp_path, tmp_path / "ann.json")
    assert notes(source) == {AS_SIZED: 1, TURNED: 2, DOUBTFUL: 2}
    line = str(source.notes("val")[-1])
    assert len(DOUBTFUL.split()) <= 12  # it is a key of result.json
    assert line.startswith("2 pictures turned upright by EXIF, perhaps wrongly (see the source's option exif) (first: ")
    assert line.endswith(f"(first: {tmp_path / '1.png'})")
    assert notes(CocoFile(tmp_path, tmp_path / "ann.json", exif="stored")) == {AS_SIZED: 1, AS_ASKED: 2}


def test_nothing_is_said_of_files_that_were_not_opened(tmp_path):
    dataset(tmp_path, [((32, 32), 6, (32, 32))], on_upright)
    source = CocoFile(tmp_path, tmp_path / "ann.json", check_files=False)
    assert notes(source) == {}
    masks_fit(source)


def test_the_fake_coco_has_a_turned_picture_in_each_split(coco):
    for split in ("train", "val"):
        source = Coco(coco.root)
        source.verify(split)
        (note,) = [each for each in source.notes(split) if each.what == AS_SIZED]
        assert note.count == 1
        assert note.first.endswith(f"{TURNED_IMAGE:012d}.jpg")


def test_regions_and_label_maps(tmp_path):
    fake: FakeAnnotations = write_lvis(tmp_path / "lvis")
    path = sorted((fake.root / "coco" / "val2017").iterdir())[0]
    with_orientation(path, np.asarray(Image.open(path)), 3)
    assert notes(Lvis(fake.root)) == {TURNED: 1}
    root = write_pascal5i(tmp_path / "voc").root
    image = sorted((root / "JPEGImages").glob("2008*"))[0]
    mask = root / "SegmentationClassAug" / f"{image.stem}.png"
    with_orientation(image, np.asarray(Image.open(image)), 6)
    assert notes(Pascal5i(root)) == {AS_SIZED: 1}
    with_orientation(mask, np.asarray(Image.open(mask)), 6)
    assert notes(Pascal5i(root)) == {TURNED: 1, MASKS: 1}


class TestOffenders:
    def test_all_are_counted(self, tmp_path):
        fake = write_coco(tmp_path / "coco")
        pictures = sorted((fake.root / "val2017").iterdir())
        pictures[3].write_bytes(b"")
        pictures[5].write_bytes(pictures[5].read_bytes()[:-30])
        Image.new("RGB", (7, 5)).save(pictures[8])
        message = rf"^{pictures[3]} cannot be decoded as an image: .* \(the first; 3 of 14 pictures cannot be used\)$"
        with pytest.raises(ValueError, match=message):
            Coco(fake.root).verify("val")

    def test_of_regions_and_of_pairs(self, tmp_path):
        lvis = write_lvis(tmp_path / "lvis")
        for path in sorted((lvis.root / "coco" / "val2017").iterdir())[:2]:
            path.write_bytes(b"")
        with pytest.raises(ValueError, match=r"cannot be decoded .* \(the first; 2 of \d+ pictures cannot be used\)$"):
            Lvis(lvis.root).verify("val")
        root = write_pascal5i(tmp_path / "voc").root
        for path in sorted((root / "SegmentationClassAug").glob("2008*"))[:2]:
            path.write_bytes(path.read_bytes()[:40])
        with pytest.raises(ValueError, match=r"cannot be decoded .* \(the first; 2 of \d+ pictures cannot be used\)$"):
            Pascal5i(root).verify("val")

    def test_one_says_what_it_always_said(self):
        for kind in (ValueError, FileNotFoundError):
            assert str(first_of([kind("a.jpg is bad")], 9, "pictures")) == "a.jpg is bad"
            assert type(first_of([kind("a"), ValueError("b")], 9, "pictures")) is kind


def test_paired_folders(tmp_path):
    """Masks of upright pictures for each orientation, one of them of a stored one, and one turned by its own tag."""
    folder = tmp_path / "box"
    upright = painted(20, 32)
    mask = (upright[..., 0] > 100).astype(np.uint8) * 255
    for orientation in range(1, 9):
        camera(folder / "images" / f"{orientation}.jpg", upright, orientation)
        with_orientation(folder / "masks" / f"{orientation}.png", mask, 1)
    with_orientation(folder / "masks" / "7.png", TO_STORED[7](mask), 1)
    camera(folder / "masks" / "8.png", mask, 8)
    source = Folder(tmp_path, train=".", val=".")
    assert notes(source) == {TURNED: 6, AS_SIZED: 1, DOUBTFUL: 3, MASKS: 1}
    masks_fit(source)
