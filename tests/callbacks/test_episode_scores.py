"""The file of single targets, whose sums are the scores of the run."""

from __future__ import annotations

from collections import defaultdict

import pytest

from launches import result
from sansa_lightning.runs.episode_scores import TargetScore, read_scores, write_scores


def test_summed_by_class_the_targets_give_the_scores_of_the_run(fitted):
    rows = read_scores(fitted / "episodes.csv")
    found = result(fitted)
    assert [row.episode for row in rows] == list(range(5))
    sums = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        for place, value in enumerate((row.intersection, row.union, 1)):
            sums[row.class_id][place] += value
    classes = {each["class_id"]: each for each in found["metrics"]["test"]["classes"]}
    for class_id, (shared, union, targets) in sums.items():
        assert classes[class_id]["iou"] == pytest.approx(shared / union)
        assert classes[class_id]["targets"] == targets
    assert all(classes[other]["targets"] == 0 for other in classes.keys() - sums.keys())
    assert found["frames_per_second"] > 0


def test_what_is_written_is_read_again(tmp_path):
    rows = [TargetScore(1, 4, "a, b", "c d", 3, 4), TargetScore(0, 2, "x", "y", 0, 0)]
    write_scores(tmp_path / "s.csv", rows)
    assert read_scores(tmp_path / "s.csv") == rows[::-1]
    assert [row.iou for row in rows] == [0.75, 0.0]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "episode,class_id,target,references,intersection,union\n1,2,a\n"])
def test_another_file_is_refused(text, tmp_path):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(ValueError, match=r"s\.csv: expected"):
        read_scores(tmp_path / "s.csv")
