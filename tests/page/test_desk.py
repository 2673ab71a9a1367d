from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest
import torch

from page.builders import desk, sample, segmenter
from sansa_lightning import ClipBatch, Prompt
from sansa_lightning.images.pictures import to_frame
from sansa_lightning.methods.negative_clicks import NegativeClicks, false_positive_centre
from sansa_lightning.page.marks import Marks, mask_of_runs
from sansa_lightning.page.session import Session


def mask_in(made, number, name="dots"):
    cell = made.session.cell(number, name)
    return mask_of_runs(cell.found.runs, made.session.pictures[number].size)


def marked(made, name="dots"):
    made.mark("1", name, Marks.of_mask(sample(0)[1] == 1))
    return made


def test_run_gives_what_segment_gives(tmp_path):
    made = marked(desk(tmp_path))
    assert list(made.run()) == ["2", "3"]
    reference = (sample(0)[0], Prompt.mask(sample(0)[1] == 1))
    expected = segmenter().segment([reference], [sample(1)[0], sample(2)[0]])
    assert np.array_equal(mask_in(made, "2"), expected[0])
    assert np.array_equal(mask_in(made, "3"), expected[1])
    assert np.array_equal(mask_in(made, "1"), sample(0)[1] == 1)
    assert all(0 < made.session.cell(number, "dots").found.score < 1 for number in "23")


def test_several_classes_and_references_as_annotate_has_them(tmp_path):
    made = marked(desk(tmp_path, presence=True))
    made.mark("2", "dots", Marks(((40, 40, 1),)))
    made.mark("1", "box", Marks(box=(5, 5, 60, 60)))
    assert list(made.run()) == ["2", "3"]
    pictures = [sample(number)[0] for number in range(3)]
    references = {
        "dots": [(pictures[0], Prompt.mask(sample(0)[1] == 1)), (pictures[1], Prompt.points([40, 40]))],
        "box": [(pictures[0], Prompt.box([5, 5, 60, 60]))],
    }
    (expected,) = segmenter().annotate(segmenter().remember(references), [pictures[2]], presence=True)
    for place, name in enumerate(expected.names):
        assert np.array_equal(mask_in(made, "3", name), expected.masks[place])
        found = made.session.cell("3", name).found
        assert (found.score, found.presence) == pytest.approx(
            (expected.scores[place], expected.presence[place]), abs=1e-5
        )


def test_pictures_are_encoded_once(tmp_path):
    seen = Counter()
    made = desk(tmp_path)
    look = made.engine.model.method.look_at
    made.engine.model.method.look_at = lambda base, images: seen.update([len(images)]) or look(base, images)
    try:
        list(marked(made).run())
        made.correct("2", "dots", (10, 10, 0))
        made.promote("2", "dots")
        list(made.run())
    finally:
        del made.engine.model.method.look_at
    assert seen == {1: 3}


def test_clicks_are_answered_as_sam2_corrects_a_frame(tmp_path):
    made = marked(desk(tmp_path))
    list(made.run())
    before, truth = mask_in(made, "2"), sample(1)[1]
    first = false_positive_centre(before, truth)
    made.correct("2", "dots", (*first, 0))
    second = false_positive_centre(mask_in(made, "2"), truth, [first])
    once = mask_in(made, "2")
    made.correct("2", "dots", (*second, 0))
    assert not np.array_equal(before, once)
    frames = torch.stack([to_frame(sample(0)[0], 96), to_frame(sample(1)[0], 96)])[None]
    masks = torch.stack([torch.zeros(96, 96, dtype=torch.uint8), torch.as_tensor(truth)])[None]
    batch = ClipBatch((), frames, masks, ((Prompt.mask(sample(0)[1] == 1),),))
    with torch.inference_mode():
        expected = [
            NegativeClicks(clicks)(segmenter().model.base, batch, False).logits[0, 1].numpy() > 0 for clicks in (1, 2)
        ]
    assert np.array_equal(once, expected[0])
    assert np.array_equal(mask_in(made, "2"), expected[1])
    made.undo("2", "dots")
    assert np.array_equal(mask_in(made, "2"), once)
    made.undo("2", "dots")
    assert np.array_equal(mask_in(made, "2"), before)


def test_corrections_stay_when_all_is_looked_for_again(tmp_path):
    made = marked(desk(tmp_path))
    list(made.run())
    made.correct("2", "dots", (10, 10, 0))
    made.correct("2", "dots", (80, 80, 1))
    corrected = mask_in(made, "2")
    list(made.run())
    assert np.array_equal(mask_in(made, "2"), corrected)


def test_promoted_its_mask_is_given(tmp_path):
    made = marked(desk(tmp_path))
    list(made.run())
    found = mask_in(made, "2")
    made.promote("2", "dots")
    assert np.array_equal(mask_in(made, "2"), found)
    assert list(made.run()) == ["3"]
    references = [(sample(0)[0], Prompt.mask(sample(0)[1] == 1)), (sample(1)[0], Prompt.mask(found))]
    (expected,) = segmenter().segment(references, [sample(2)[0]])
    assert np.array_equal(mask_in(made, "3"), expected)
    made.clear("2", "dots")
    assert list(made.run()) == ["2", "3"]


def test_every_step_survives_a_crash(tmp_path):
    made = marked(desk(tmp_path))
    run = made.run()
    next(run)  # and then the process dies
    again = Session.open(tmp_path, made.session.id)
    assert again.cells == made.session.cells
    assert again.cell("2", "dots").found
    assert again.cell("3", "dots").found is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda made: list(made.run()), "run: expected a picture with a marked object"),
        (lambda made: made.correct("2", "dots", (1, 1, 0)), "expected a mask of 'dots' that was found"),
        (lambda made: made.promote("2", "dots"), "expected a mask of 'dots' that was found"),
        (lambda made: made.mark("1", "dots", Marks(((1, 1, 0),))), "expected a click on the object"),
        (lambda made: made.mark("1", " ", Marks(((1, 1, 1),))), "expected a name"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, wrong, says):
    made = desk(tmp_path, 2)
    with pytest.raises(ValueError, match=says):
        wrong(made)
    assert not made.session.cells


def test_a_click_is_quick(tmp_path):
    made = marked(desk(tmp_path, 2))
    list(made.run())
    taken = []
    for place in range(3):
        start = time.process_time()
        made.correct("2", "dots", (10 + place, 10, 0))
        taken.append(time.process_time() - start)
    assert min(taken) < 0.3
