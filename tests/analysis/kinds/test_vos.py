"""The protocol of DAVIS on videos whose scores are known."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import pytest

from builders import model, nano
from sansa_lightning.analysis.kinds.vos import Vos, followed, mean_of
from sansa_lightning.analysis.streaming import objects_in, tracked
from sansa_lightning.analysis.videos import videos
from sansa_lightning.data.formats.davis import davis_videos
from sansa_lightning.metrics.davis import JAndF, j_and_f


@dataclass
class Known:
    """A video whose truth is given."""

    frames: list
    name: str = "known"

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self):
        return iter(self.frames)


def test_scores_are_of_all_frames_but_the_first_and_the_last():
    frozen = model(nano())
    (clip,) = videos(None, "val", 1, 5)
    frames = list(clip)
    answers = [found.numpy() for found in tracked(frozen, iter(frames), objects_in(frames[0][1]), 5)]
    found = followed(frozen, Known(frames), nullcontext())
    expected = np.mean([j_and_f(a == 1, t == 1) for a, (_, t) in zip(answers[:-1], frames[1:-1], strict=True)], axis=0)
    assert found.objects == [pytest.approx(expected.tolist())]
    assert np.array_equal(found.middle, answers[1])
    perfect = [frames[0], *[(image, a) for (image, _), a in zip(frames[1:], answers, strict=True)]]
    assert followed(frozen, Known(perfect), nullcontext()).objects == [JAndF(1.0, 1.0)]
    with pytest.raises(ValueError, match="at least 3 frames"):
        followed(frozen, Known(frames[:2]), nullcontext())


def test_means_are_over_objects():
    assert mean_of([JAndF(1.0, 0.5), JAndF(0.0, 0.5)]) == {"j": 0.5, "f": 0.5, "j_and_f": 0.5}


@pytest.mark.slow
def test_real_videos_are_tracked(shared):
    root = shared / "data" / "davis_mini"
    if not root.is_dir():
        pytest.skip(f"needs the videos of {root}")
    assert len(davis_videos(root)) == 20
    video = davis_videos(root)[0]
    found = followed(model(nano()), video, nullcontext())
    assert len(found.objects) == 1
    assert found.middle.shape == next(iter(video))[1].shape


@pytest.mark.parametrize("wrong", [{"clips": 0}, {"frames": 2}])
def test_wrong_options_are_refused(wrong):
    with pytest.raises(ValueError, match=r"analysis\."):
        Vos(**wrong)
