"""Does the adapted model still track? The semi-supervised protocol of DAVIS: J, F and J&F."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sansa_lightning.analysis.contract import Analysis, Findings
from sansa_lightning.analysis.sides import sides
from sansa_lightning.analysis.streaming import objects_in, rules_of, tracked
from sansa_lightning.analysis.videos import Filmed, videos
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.figures.plots import bars_plot
from sansa_lightning.figures.sheets import Panel, sheet, with_parts
from sansa_lightning.metrics.davis import JAndF, j_and_f
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.checks import check_whole

DRAWN = 12
"""Videos on the sheet."""


@dataclass(frozen=True)
class Vos(Analysis):
    """Are the base's abilities in tracking still there?

    Attributes:
        davis: folder in the layout of DAVIS; None for moving patterns.
        split: its list of videos.
        clips: number of clips of moving patterns.
        frames: of each of them, at least 3.
    """

    question: ClassVar[str] = "Does the adapted model track an object through a video as well as the base does?"
    davis: Path | None = None
    split: str = "val"
    clips: int = 8
    frames: int = 16

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: one is too small.
        """
        check_whole(self.clips, "analysis.clips", what="clip")
        check_whole(self.frames, "analysis.frames", least=3, what="frames")

    def run(self, model: FewShotModel, data: EpisodeDataModule) -> Findings:
        """See :meth:`Analysis.run`; the data's images play no part.

        Raises:
            ValueError: the method does not propagate.
            FileNotFoundError: a file of the videos is missing.
        """
        rules_of(model)
        filmed, both = videos(self.davis, self.split, self.clips, self.frames), sides(model)
        by_video: dict[str, dict[str, list[JAndF]]] = {}
        rows: list[list[Panel]] = []
        for video in filmed:
            scored = {side: followed(model, video, context) for side, context in both.items()}
            by_video[video.name] = {side: one.objects for side, one in scored.items()}
            if len(rows) < DRAWN:
                rows.append(_row(video, {side: one.middle for side, one in scored.items()}))
        numbers: dict[str, Any] = {
            "videos": len(filmed),
            "frames": sum(map(len, filmed)),
            **{side: mean_of([one for video in by_video.values() for one in video[side]]) for side in both},
            "by_video": {name: {side: mean_of(found[side]) for side in both} for name, found in by_video.items()},
        }
        return Findings(numbers, {"videos": sheet(rows), "scores": _plot(numbers, list(both))})


@dataclass(frozen=True)
class Followed:
    """A video that was tracked.

    Attributes:
        objects: for each object, the means of J and F over its frames, without the first and the last one.
        middle: the predicted map of the middle frame, uint8 [H, W].
    """

    objects: list[JAndF]
    middle: NDArray[np.uint8]


def followed(model: FewShotModel, video: Filmed, context: AbstractContextManager[None]) -> Followed:
    """Track and score the objects of a video's first frame; no more than a frame is kept.

    Args:
        model: in eval mode.
        video: at least three frames.
        context: in which the model is to run.

    Raises:
        ValueError: the video is too short or shows no object in its first frame.
    """
    if len(video) < 3:
        msg = (
            f"vos: expected at least 3 frames, of which the first and last are not scored, but {video.name} is shorter"
        )
        raise ValueError(msg)
    truths = (truth for _, truth in video)
    first = next(truths)
    numbers = [number for number in np.unique(first).tolist() if number]
    sums = np.zeros((len(numbers), 2))
    middle = first
    with torch.no_grad(), context:
        found = tracked(model, iter(video), objects_in(first), len(video))
        for place, (masks, truth) in enumerate(zip(found, truths, strict=True), 1):
            answer = masks.numpy()
            middle = answer if place == len(video) // 2 else middle
            if place < len(video) - 1:
                sums += [j_and_f(answer == k, truth == number) for k, number in enumerate(numbers, 1)]
    return Followed([JAndF(*row) for row in (sums / (len(video) - 2)).tolist()], middle)


def mean_of(scores: Sequence[JAndF]) -> dict[str, float]:
    """The means of J, F and J&F over objects."""
    j, f = (float(np.mean(values)) for values in zip(*scores, strict=True))
    return {"j": j, "f": f, "j_and_f": (j + f) / 2}


def _row(video: Filmed, middles: dict[str, NDArray[np.uint8]]) -> list[Panel]:
    """The first frame with its objects, and the middle one with those that were found and with the true ones."""
    shown = {place: frame for place, frame in enumerate(video) if place in (0, len(video) // 2)}
    (start, objects), (image, truth) = shown[0], shown[len(video) // 2]
    panels = [(f"{video.name}: given", _painted(start, objects))]
    panels += [(side, _painted(image, found)) for side, found in middles.items()]
    return [*panels, ("truth", _painted(image, truth))]


def _painted(image: NDArray[np.uint8], objects: NDArray[np.uint8]) -> torch.Tensor:
    return with_parts(torch.from_numpy(image).movedim(-1, 0), torch.from_numpy(objects.astype(np.int64)) - 1)


def _plot(numbers: dict[str, Any], both: Sequence[str]) -> Image.Image:
    measures = {"J": "j", "F": "f", "J&F": "j_and_f"}
    bars = {name: {side: numbers[side][key] for side in both} for name, key in measures.items()}
    return bars_plot({f"{numbers['videos']} videos": bars}, "mean over objects")
