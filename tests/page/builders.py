"""A session of sample pictures on the embedded nano."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import sansa_lightning
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.page.desk import Desk
from sansa_lightning.page.engine import Engine
from sansa_lightning.page.session import Session

CLASS = 8


@cache
def segmenter() -> sansa_lightning.Segmenter:
    return sansa_lightning.load("nano")


@cache
def sample(number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    source = Patterns()
    return source.load(source.images(CLASS, "val")[number], CLASS)


def desk(root: Path, pictures: int = 3, presence: bool = False) -> Desk:
    session = Session.new(root)
    for number in range(pictures):
        session.add_picture(Image.fromarray(sample(number)[0]), f"{number}.png")
    return Desk(session, Engine(segmenter(), presence))
