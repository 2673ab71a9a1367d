from __future__ import annotations

import pytest
from PIL import Image

from fakes.coco import write_coco
from fakes.deepglobe import write_deepglobe
from fakes.pascal5i import write_pascal5i
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.deepglobe import DeepGlobe
from sansa_lightning.data.sources.pascal5i import Pascal5i
from sansa_lightning.prepare.verify import split_faults


def coco_faults(root, deep=False):
    return [fault for split in ("train", "val") for fault in split_faults(Coco(root, check_files=False), split, deep)]


@pytest.fixture
def root(tmp_path):
    return write_coco(tmp_path / "coco").root


def test_nothing_is_wrong(root):
    assert coco_faults(root) == []
    assert coco_faults(root, deep=True) == []


def test_every_fault_is_a_line(root):
    pictures = sorted((root / "val2017").iterdir())
    pictures[0].unlink()
    pictures[1].write_bytes(pictures[1].read_bytes()[:-30])
    pictures[2].write_bytes(b"")
    Image.new("RGB", (7, 5)).save(pictures[3])
    (root / "train2017" / pictures[4].name).unlink()
    found = coco_faults(root)
    assert len(found) == 5
    assert found[0] == f"{root / 'train2017' / pictures[4].name} is not there"
    assert found[1] == f"{pictures[0]} is not there"
    assert found[2].startswith(f"{pictures[1]} cannot be decoded as an image")
    assert found[3].startswith(f"{pictures[2]} cannot be decoded as an image")
    assert "pixels as its annotations say, but it has 7x5" in found[4]
    assert all("\n" not in fault for fault in found)


def test_damage_in_the_middle_is_found_by_decoding(root):
    path = sorted((root / "val2017").iterdir())[3]
    content = bytearray(path.read_bytes())
    start = content.index(b"\xff\xda")
    content[start : start + 40] = bytes(40)
    path.write_bytes(content)
    assert coco_faults(root) == []
    (fault,) = coco_faults(root, deep=True)
    assert fault.startswith(f"{path} cannot be decoded as an image")


def test_a_truncated_annotation_file_is_one_fault_of_its_split(root):
    path = root / "annotations" / "instances_train2017.json"
    path.write_bytes(path.read_bytes()[:500])
    sorted((root / "val2017").iterdir())[0].unlink()
    found = coco_faults(root)
    assert len(found) == 2
    assert str(path) in found[0]
    assert "not valid JSON" in found[0]
    assert "val2017" in found[1]


def test_masks_are_looked_at_too(tmp_path):
    root = write_pascal5i(tmp_path / "voc").root
    source = Pascal5i(root, check_files=False)
    masks = sorted((root / "SegmentationClassAug").glob("2008*"))
    masks[0].unlink()
    masks[1].write_bytes(masks[1].read_bytes()[:40])
    Image.new("L", (3, 3)).save(masks[2])
    found = list(split_faults(source, "val"))
    assert len(found) == 3
    assert found[0] == f"{masks[0]} is not there"
    assert str(masks[1]) in found[1]
    assert masks[2].stem in found[2]
    assert list(split_faults(source, "train")) == []


def test_an_empty_dataset_is_a_fault(tmp_path):
    for number in range(1, 7):
        (tmp_path / "filter_mask" / str(number)).mkdir(parents=True)
    source = DeepGlobe(tmp_path, check_files=False)
    assert list(split_faults(source, "val")) == [f"{source}: no pictures in its val split; expected some"]


def test_what_only_the_source_itself_knows_is_reported(tmp_path):
    root = write_deepglobe(tmp_path / "deepglobe").root

    class Picky(DeepGlobe):
        def verify(self, split):
            msg = f"{self.root} has the wrong colour"
            raise ValueError(msg)

    assert list(split_faults(Picky(root), "val")) == [f"{root} has the wrong colour"]
