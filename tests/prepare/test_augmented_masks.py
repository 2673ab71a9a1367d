from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from fakes.pictures import write_labels
from sansa_lightning.data.formats.mask_files import read_labels
from sansa_lightning.prepare.augmented_masks import make_augmented


def write_sbd(path, labels):
    """As the publisher's: a 1 x 1 struct with boundaries and segmentation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"GTcls": {"Boundaries": np.zeros((20, 1)), "Segmentation": labels, "CategoriesPresent": [1]}})


@pytest.fixture
def root(tmp_path):
    only_sbd, both, only_voc = (np.full((5, 7), value, np.uint8) for value in (3, 20, 7))
    only_sbd[0, 0] = 0
    write_sbd(tmp_path / "sbd/cls/2008_000001.mat", only_sbd)
    write_sbd(tmp_path / "sbd/cls/2008_000002.mat", np.full((5, 7), 4, np.uint8))
    both[2] = 255
    write_labels(tmp_path / "SegmentationClass/2008_000002.png", both, palette=True)
    write_labels(tmp_path / "SegmentationClass/2007_000003.png", only_voc, palette=True)
    return tmp_path


def test_voc_wins_over_sbd(root):
    make_augmented(root)
    folder = root / "SegmentationClassAug"
    assert sorted(path.name for path in folder.iterdir()) == ["2007_000003.png", "2008_000001.png", "2008_000002.png"]
    labels = {path.stem: read_labels(path) for path in folder.iterdir()}
    assert labels["2008_000001"][0].tolist() == [0, 3, 3, 3, 3, 3, 3]
    assert labels["2008_000002"].tolist() == [[20] * 7] * 2 + [[255] * 7] + [[20] * 7] * 2
    assert (labels["2007_000003"] == 7).all()
    assert all(Image.open(path).mode == "L" for path in folder.iterdir())


def test_what_is_there_is_not_made_again(root):
    make_augmented(root)
    path = root / "SegmentationClassAug/2008_000001.png"
    before = path.stat().st_mtime_ns
    (root / "SegmentationClassAug/2008_000002.png").unlink()
    make_augmented(root)
    assert path.stat().st_mtime_ns == before
    assert (root / "SegmentationClassAug/2008_000002.png").is_file()


def test_broken_files_are_named(root):
    write_sbd(root / "sbd/cls/2009_000009.mat", np.full((2, 2), 21, np.uint8))
    with pytest.raises(ValueError, match=r"2009_000009.mat: expected labels of 0 to 20 or 255, but got \[21\]"):
        make_augmented(root)
    (root / "sbd/cls/2009_000009.mat").write_bytes(b"MATLAB 5.0 nonsense")
    with pytest.raises(ValueError, match=r"2009_000009.mat cannot be read as a Matlab file with GTcls.Segmentation"):
        make_augmented(root)
    savemat(root / "sbd/cls/2009_000009.mat", {"GTinst": [1]})
    with pytest.raises(ValueError, match=r"2009_000009.mat cannot be read"):
        make_augmented(root)
