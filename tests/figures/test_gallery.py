"""Episodes for people: which, and what is painted."""

from __future__ import annotations

import numpy as np
import torch

from builders import mask_prompt, pictures
from sansa_lightning import Clip, Episode
from sansa_lightning.clips.evaluation import EvaluationBatch, EvaluationClip
from sansa_lightning.figures.gallery import HEAD, MARGIN, PANEL, Gallery, gallery_picture, spotlit
from sansa_lightning.figures.overlays import PREDICTION_COLOUR, TRUTH_COLOUR


def batch(classes: list[int], scored: bool = True) -> EvaluationBatch:
    masks = torch.zeros(3, 96, 96, dtype=torch.uint8)
    masks[:, 24:48, 24:48] = 1
    return EvaluationBatch.collate(
        [
            EvaluationClip(
                Clip(
                    Episode("s", class_id, ("a", "b"), (f"t{class_id}",)),
                    pictures(1, 3, seed=place)[0],
                    masks,
                    (mask_prompt(),) * 2,
                ),
                scored=scored,
            )
            for place, class_id in enumerate(classes)
        ]
    )


def shown(gallery: Gallery, *batches: EvaluationBatch) -> list[int]:
    for each in batches:
        gallery.look_at(each, {"frozen": torch.zeros(len(each.clips.episodes), 1, 96, 96, dtype=torch.bool)})
    return [example.class_id for example in gallery.chosen]


def test_the_first_episode_of_each_class_comes_first():
    assert shown(Gallery(3), batch([4, 4]), batch([4, 1, 9, 2])) == [1, 4, 9]


def test_too_few_classes_are_filled_up_in_order():
    gallery = Gallery(4)
    assert shown(gallery, batch([4, 4]), batch([1, 4, 1, 4])) == [1, 4, 4, 4]
    assert torch.equal(gallery.chosen[2].images[1], pictures(1, 3, seed=1)[0, 2])


def test_clips_that_only_fill_up_are_not_shown():
    assert shown(Gallery(), batch([1], scored=False)) == []


def test_what_a_mask_leaves_out_is_darker_and_its_edge_coloured():
    picture = torch.full((PANEL, PANEL, 3), 200, dtype=torch.uint8)
    mask = torch.zeros(96, 96, dtype=torch.bool)
    mask[24:48, 24:48] = True
    found = spotlit(picture, mask, (1, 2, 3))
    assert found[70, 70].tolist() == [200] * 3
    assert found[47, 70].tolist() == found[46, 70].tolist() == [1, 2, 3]
    assert found[150, 150].max() < 150
    assert bool((spotlit(picture, ~mask & mask, (1, 2, 3)) < 150).all())


def test_a_picture_has_each_prediction_with_its_iou_and_the_truth():
    gallery, each = Gallery(), batch([4, 5, 6])
    truth = each.clips.masks[:, 2:] == 1
    gallery.look_at(each, {"frozen": truth & False, "adapted": truth})
    picture = np.asarray(gallery_picture(gallery.chosen, {4: "four", 5: "five", 6: "six " * 20}))
    width = 4 * PANEL + 3 * 4
    assert picture.shape == (2 * (PANEL + HEAD + MARGIN) + MARGIN, 2 * (width + MARGIN) + MARGIN, 3)
    first = picture[MARGIN + HEAD : MARGIN + HEAD + PANEL, MARGIN : MARGIN + width]

    def has(panel: int, colour: tuple[int, int, int]) -> bool:
        part = first[:, panel * (PANEL + 4) : panel * (PANEL + 4) + PANEL]
        return bool((part == np.array(colour)).all(2).any())

    assert [has(panel, PREDICTION_COLOUR) for panel in range(4)] == [False, False, True, False]
    assert [has(panel, TRUTH_COLOUR) for panel in range(4)] == [False, False, False, True]
