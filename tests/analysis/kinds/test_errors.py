"""Where the IoU is lost, on masks drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sansa_lightning.analysis.episodes import Segmented
from sansa_lightning.analysis.kinds.errors import (
    Errors,
    Extremes,
    Row,
    areas,
    number_of,
    pooled,
    row_of,
    shown_at,
    size_of,
    strays,
)
from sansa_lightning.clips.objects import Objects
from sansa_lightning.data.datamodule import EpisodeDataModule


def row(class_id=4, area=0.1, instances=1, counts=(1, 2), strayed=None) -> Row:
    return Row(class_id, area, instances, {"frozen": counts}, {"frozen": strayed or {}})


def test_groups_are_pooled_counts():
    rows = [row(area=0.005, counts=(1, 10)), row(area=0.009, counts=(9, 10)), row(area=0.3, counts=(0, 0))]
    found = pooled(rows, ["frozen"], size_of)
    assert found == {"< 1 %": {"episodes": 2, "frozen": 0.5}, "> 20 %": {"episodes": 1, "frozen": 1.0}}
    rows = [row(instances=count, counts=(count, 10)) for count in (5, 1, 3, 2)]
    found = pooled(rows, ["frozen"], number_of)
    assert list(found) == ["1", "2", "3 or more"]
    assert found["3 or more"] == {"episodes": 2, "frozen": 0.4}


def test_pixels_that_strayed_are_counted_by_what_they_show():
    instances = np.zeros((4, 6), np.uint8)
    instances[:, :2], instances[:, 2:4] = 1, 2
    where = torch.zeros(4, 6, dtype=torch.bool)
    where[0, :] = True
    where[1, 2] = True
    assert shown_at(where, Objects.from_map(instances, (7, 9))) == {None: 2, 7: 2, 9: 3}
    assert shown_at(where, None) == {None: 7}
    rows = [row(counts=(3, 99), strayed={None: 2, 7: 2, 9: 3}), row(counts=(10, 99)), row(strayed={5: 1})]
    tables, columns = strays(rows, ["frozen"], (4, 7), most=2)
    assert columns == [9, 7]
    assert tables["frozen"].tolist() == [[3 / 22, 2 / 22, 1 / 22, 2 / 22], [0, 0, 0, 0]]


def test_the_worst_and_the_best_are_kept():
    ious = np.random.default_rng(0).integers(0, 6, 40).tolist()
    extremes = Extremes(7, "frozen")
    for place, iou in enumerate(ious):
        extremes.add(row(counts=(iou, 10)), Segmented(place, {}))
    order = sorted(range(40), key=lambda place: (ious[place], place))
    found = {name: [one.clip for one in chosen] for name, chosen in extremes.chosen().items()}
    assert found == {"worst": order[:7], "best": order[:-8:-1]}


def test_areas_are_connected_over_corners():
    mask = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1]]).bool()
    assert areas(mask) == 3


def test_an_episode_is_read_from_its_masks_and_objects():
    data = EpisodeDataModule(num_workers=0)
    data.setup("test")
    clip = data.clips("test")[0]
    truth = clip.masks[-1] == 1
    everything = torch.ones_like(truth)
    found = row_of(Segmented(clip, {"frozen": truth, "adapted": everything}), data)
    instances, classes = data.source.objects(clip.episode.targets[-1])
    assert found.instances == classes.count(clip.episode.class_id)
    assert found.area == pytest.approx(float(truth.float().mean()))
    assert (found.iou("frozen"), found.strayed["frozen"]) == (1.0, {})
    assert found.iou("adapted") == pytest.approx(found.area)
    assert found.strayed["adapted"][None] == int((instances == 0).sum())
    assert sum(found.strayed["adapted"].values()) == int((~truth).sum())
    with pytest.raises(ValueError, match=r"analysis\.drawn"):
        Errors(drawn=0)
