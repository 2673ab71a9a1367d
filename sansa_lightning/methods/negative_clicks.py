"""Geometric negatives: clicks on pixels segmented by mistake (SANSA Table 11)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.methods.base import Masks
from sansa_lightning.methods.evaluation import EvaluationMethod
from sansa_lightning.methods.memory import KShotMemory
from sansa_lightning.methods.prompting import decode_corrections
from sansa_lightning.methods.propagation import Reading
from sansa_lightning.trackers.base import Tracker

Place = tuple[int, int]
"""(x, y) of a pixel."""


class NegativeClicks(EvaluationMethod):
    """Propagation, then negative clicks on the target, one after the other, where the mask disagrees with the truth.

    The paper gives no procedure. This one is the usual simulated user, as in SAM 2's own evaluation: a click in the
    middle of the largest false-positive region of the current mask, then the decoder's next answer from the features
    conditioned on memory, all clicks so far and its last answer. It ends early when no mistake is left.

    The clicks use the truth. Scores with them measure the gain of interaction; do not compare them with other scores.

    Args:
        clicks: largest number of clicks on a target, at least 1.
        kshot_memory: see :class:`Sansa`.
        mask_threshold: see :class:`Sansa`.
        encode_chunk: see :class:`Sansa`.
    """

    def __init__(
        self,
        clicks: int = 1,
        kshot_memory: KShotMemory = "released",
        mask_threshold: float = 0.0,
        encode_chunk: int | None = None,
    ) -> None:
        super().__init__(kshot_memory, mask_threshold, encode_chunk)
        if clicks < 1:
            msg = f"NegativeClicks.clicks: expected at least 1, but got {clicks}"
            raise ValueError(msg)
        self.clicks = clicks

    def _segment(self, tracker: Tracker, batch: ClipBatch, reading: Reading) -> Tensor:
        features = self.propagation.condition_targets(tracker, reading.features, reading.targets, reading.bank)
        answers = self.propagation.decode_targets(tracker, features).mask
        truths = batch.masks[:, batch.shots :].flatten(0, 1).cpu().numpy()
        size = (truths.shape[1], truths.shape[2])
        places: list[list[Place]] = [[] for _ in truths]
        # A target without a mistake keeps its answer and gets no click in later rounds either, so that the others have
        # equally many clicks and share a decoder call.
        wrong = list(range(len(truths)))
        for _ in range(self.clicks):
            wrong = _click(answers, truths, places, wrong)
            if not wrong:
                break
            index = torch.tensor(wrong, device=answers.device)
            coords = torch.tensor([places[target] for target in wrong], dtype=torch.float32, device=answers.device)
            labels = torch.zeros(coords.shape[:2], dtype=torch.int32, device=answers.device)
            corrected = decode_corrections(tracker, features.select(index), coords, labels, answers[index], size)
            answers = answers.index_copy(0, index, corrected.mask)
        return answers[:, 0].unflatten(0, reading.targets.shape)


def _click(answers: Tensor, truths: NDArray[np.uint8], places: list[list[Place]], candidates: list[int]) -> list[int]:
    """Add a click to each candidate with a mistake, and return these candidates."""
    masks = Masks.of(answers[candidates], (truths.shape[1], truths.shape[2])).logits[:, 0] > 0
    clicked = []
    for target, mask in zip(candidates, masks.cpu().numpy(), strict=True):
        place = false_positive_centre(mask, truths[target], places[target])
        if place is not None:
            places[target].append(place)
            clicked.append(target)
    return clicked


def false_positive_centre(
    mask: NDArray[np.bool_], truth: NDArray[np.uint8], clicked: Sequence[Place] = ()
) -> Place | None:
    """The false-positive pixel, not clicked yet, farthest from other pixels and the border; None if there is none.

    Args:
        mask: the segmented pixels, [H, W].
        truth: [H, W] in {0, 1, 255}; 255 is never a mistake.
        clicked: pixels to leave out.
    """
    from scipy import ndimage

    mistakes = np.pad(mask & (truth == 0), 1)
    depths = ndimage.distance_transform_edt(mistakes)[1:-1, 1:-1]
    for x, y in clicked:
        depths[y, x] = 0
    if not depths.any():
        return None
    row, column = divmod(int(depths.argmax()), depths.shape[1])
    return column, row
