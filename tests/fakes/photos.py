"""References and pictures of the pattern benchmark as files, and jobs over them."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fakes.turned import camera
from launches import call
from sansa_lightning.data.sources.patterns import Patterns

CLASSES = (0, 4, 16)
BROKEN = "b/broken.png"


@dataclass(frozen=True)
class Photos:
    """The same pictures in every form that the command takes.

    Attributes:
        root: with refs/, photos/, and the other forms.
        names: below photos/, in order, without the broken one.
    """

    root: Path
    names: tuple[str, ...]

    def args(self, out: Path, *more: Any) -> tuple[Any, ...]:
        own = ("--base", "nano", "--device", "cpu", "--out", out)
        return ("annotate", "--references", self.root / "refs", "--images", self.root / "photos", *own, *more)


def write_photos(root: Path) -> Photos:
    source = Patterns()
    names = []
    for class_id in CLASSES:
        keys, name = source.images(class_id, "val"), source.class_name(class_id)
        for number in range(1 + (class_id == 4)):
            image, mask = source.load(keys[number], class_id)
            save(root / "refs" / name / "images" / f"{number}.png", image)
            save(root / "refs" / name / "masks" / f"{number}.png", (mask == 1) * np.uint8(255))
        for number in range(3):
            image = np.array(Image.fromarray(source.load(keys[number + 2], class_id)[0]).resize((100 + 7 * number, 90)))
            place = f"{'ab'[number % 2]}/{name}_{number}.png"
            camera(root / "photos" / place, image, 6) if number == 1 else save(root / "photos" / place, image)
            names.append(place)
    (root / "photos" / BROKEN).write_bytes((root / "photos" / names[0]).read_bytes()[:200])
    write_other_forms(root, sorted([*names, BROKEN]))
    return Photos(root, tuple(sorted(names)))


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write_other_forms(root: Path, names: list[str]) -> None:
    (root / "list.txt").write_text("".join(f"{name}\n" for name in names) + "\n")
    images = [{"id": 100 - number, "file_name": name} for number, name in enumerate(names)]
    (root / "images.json").write_text(json.dumps({"images": images}))
    for shard in range(2):
        with tarfile.open(root / f"shard-{shard}.tar", "w") as tar:
            for name in names[shard * 5 : (shard + 1) * 5]:
                tar.add(root / "photos" / name, name)
                tar.add(root / "list.txt", name.replace(".png", ".txt"))
                tar.add(root / "refs/stripes/masks/0.png", name.replace(".png", ".mask.png"))


def run(*args: Any) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        call(*args)


def content(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.read_text())
    return found
