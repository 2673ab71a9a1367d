"""Videos in the layout of DAVIS, drawn small."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sansa_lightning.data.formats.davis import davis_videos


def write(root, name, masks, palette=False):
    for kind in ("JPEGImages", "Annotations"):
        (root / kind / "480p" / name).mkdir(parents=True)
    for place, mask in enumerate(masks):
        Image.new("RGB", mask.shape[::-1], (10 * place, 50, 90)).save(root / f"JPEGImages/480p/{name}/{place:05d}.jpg")
        picture = Image.fromarray(mask)
        if palette:
            picture.putpalette([value for k in range(256) for value in (k, 0, 255 - k)])
        picture.save(root / f"Annotations/480p/{name}/{place:05d}.png")
    (root / "ImageSets" / "480p").mkdir(parents=True, exist_ok=True)
    with (root / "ImageSets" / "480p" / "val.txt").open("a") as file:
        file.write(f"{name}\n")


def test_frames_come_in_order_with_numbered_objects(tmp_path):
    white = np.zeros((6, 8), np.uint8)
    white[2:, 3:] = 255
    several = np.zeros((6, 8), np.uint8)
    several[0, 0], several[1, 1] = 1, 2
    write(tmp_path, "swan", [white, white // 255 * 0, white])
    write(tmp_path, "dogs", [several], palette=True)
    swan, dogs = davis_videos(tmp_path)
    assert (swan.name, len(swan), dogs.name, len(dogs)) == ("swan", 3, "dogs", 1)
    frames = list(swan)
    assert [int(image[0, 0, 0]) for image, _ in frames] == pytest.approx([0, 10, 20], abs=3)
    assert [np.unique(found).tolist() for _, found in frames] == [[0, 1], [0], [0, 1]]
    ((_, found),) = dogs
    assert np.array_equal(found, several)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"val\.txt is not there"):
        davis_videos(tmp_path)
    write(tmp_path, "swan", [np.zeros((6, 8), np.uint8)] * 2)
    (tmp_path / "Annotations/480p/swan/00001.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"00001\.png is not there"):
        davis_videos(tmp_path)
    (tmp_path / "ImageSets/480p/val.txt").write_text("\n")
    with pytest.raises(ValueError, match="lists no video"):
        davis_videos(tmp_path)
