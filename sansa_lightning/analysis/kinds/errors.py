"""Where the IoU is lost: by the object's size, by the number of instances, and to which other classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sansa_lightning.analysis.contract import Analysis, Findings
from sansa_lightning.analysis.episodes import Segmented, segmented
from sansa_lightning.analysis.sides import sides
from sansa_lightning.clips.episode import ClassId
from sansa_lightning.clips.objects import Objects
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.sources.abilities import objects_of
from sansa_lightning.figures.gallery import Example, gallery_picture
from sansa_lightning.figures.plots import bars_plot, table_plot
from sansa_lightning.images.parts import connected_parts
from sansa_lightning.metrics.few_shot_iou import overlap_counts
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.checks import check_whole

SIZES = {"< 1 %": 0.01, "1-5 %": 0.05, "5-20 %": 0.2, "> 20 %": 1.01}
"""Shares of the picture that the object covers, by name: each up to this share."""

MANY = 3
"""Number of instances from which on they are counted as one group."""

BACKGROUND = "background"

COLUMNS = 12
"""Classes with a column of their own in the table of what strayed."""


class Row(NamedTuple):
    """One episode.

    Attributes:
        class_id: its class.
        area: share of the target's valid pixels that the object covers.
        instances: objects of the class in the target; connected areas of the mask if the source knows no objects.
        counts: intersection and union in pixels, by side.
        strayed: pixels found that are not the object's, by side: by the class that they show, None for no object.
    """

    class_id: ClassId
    area: float
    instances: int
    counts: Mapping[str, tuple[int, int]]
    strayed: Mapping[str, Mapping[ClassId | None, int]]

    def iou(self, side: str) -> float:
        """The IoU of a side; 1 if there is nothing and nothing was found."""
        intersection, union = self.counts[side]
        return intersection / union if union else 1.0


@dataclass(frozen=True)
class Errors(Analysis):
    """Which episodes lose the IoU, and to what?

    Attributes:
        episodes: of the test list.
        drawn: episodes on each of the two contact sheets.
    """

    question: ClassVar[str] = "On which objects is the IoU lost, and which classes are taken for which?"
    episodes: int = 320
    drawn: int = 8

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: one is too small.
        """
        check_whole(self.episodes, "analysis.episodes", what="episode")
        check_whole(self.drawn, "analysis.drawn", what="episode")

    def run(self, model: FewShotModel, data: EpisodeDataModule) -> Findings:
        """See :meth:`Analysis.run`."""
        both = list(sides(model))
        rows, drawn = [], Extremes(self.drawn, both[-1])
        for one in segmented(model, data, range(self.episodes)):
            rows.append(row_of(one, data))
            drawn.add(rows[-1], one)
        by_size, by_instances = (pooled(rows, both, group) for group in (size_of, number_of))
        tables, columns = strays(rows, both, data.test_classes)
        source, asked = data.pools("test")[0].source, list(data.class_names.values())
        names = [*map(source.class_name, columns), "other class", BACKGROUND]
        numbers: dict[str, Any] = {
            "episodes": len(rows),
            "by_size": by_size,
            "by_instances": by_instances,
            "strayed": {side: _pairs(tables[side], asked, names) for side in both},
        }
        figures = {
            "groups": bars_plot({"by size": _ious(by_size, both), "by instances": _ious(by_instances, both)}, "IoU"),
            "strayed": table_plot(tables, asked, names),
        }
        figures |= {name: _sheet(chosen, data.class_names) for name, chosen in drawn.chosen().items()}
        return Findings(numbers, figures)


class Extremes:
    """The worst and the best of many episodes by the IoU of a side, as they come: pictures of all would be too many.

    Args:
        most: number of each; of equal ones the first are the worst and the last the best.
        side: whose IoU counts.
    """

    def __init__(self, most: int, side: str) -> None:
        self.most, self.side, self._seen = most, side, 0
        self._worst: list[tuple[float, int, Segmented]] = []
        self._best: list[tuple[float, int, Segmented]] = []

    def add(self, row: Row, one: Segmented) -> None:
        """Keep an episode if it is among them so far."""
        each = (row.iou(self.side), self._seen, one)
        self._seen += 1
        self._worst = sorted([*self._worst, each], key=_by_iou)[: self.most]
        self._best = sorted([*self._best, each], key=_by_iou)[-self.most :]

    def chosen(self) -> dict[str, list[Segmented]]:
        """The worst first, and the best first."""
        return {"worst": [one for *_, one in self._worst], "best": [one for *_, one in reversed(self._best)]}


def _by_iou(each: tuple[float, int, Segmented]) -> tuple[float, int]:
    return each[:2]


def row_of(one: Segmented, data: EpisodeDataModule) -> Row:
    """What is to be counted of an episode; its class's name is not needed."""
    truth, episode = one.truth, one.clip.episode
    found = objects_of(data.clips("test").sources[episode.source], episode.targets[-1])
    objects = None if found is None else Objects.from_map(*found).resized((truth.shape[0], truth.shape[1]))
    counts, strayed = {}, {}
    for side, mask in one.predictions.items():
        intersection, union = overlap_counts(mask[None], truth[None])
        counts[side] = (int(intersection[0, 1]), int(union[0, 1]))
        strayed[side] = shown_at(mask & (truth == 0), objects)
    return Row(
        episode.class_id,
        float((truth == 1).sum() / (truth != 255).sum().clamp(min=1)),
        areas(truth == 1) if objects is None else max(objects.classes.count(episode.class_id), 1),
        counts,
        strayed,
    )


def shown_at(where: Tensor, objects: Objects | None) -> dict[ClassId | None, int]:
    """The number of pixels by the class that they show; None counts those of no object, and all if none is known.

    Args:
        where: bool [H, W].
        objects: of the same size.
    """
    if objects is None:
        return {None: int(where.sum())} if where.any() else {}
    numbers, pixels = objects.instances[where].unique(return_counts=True)
    found: dict[ClassId | None, int] = {}
    for number, count in zip(numbers.tolist(), pixels.tolist(), strict=True):
        shown = objects.classes[number - 1] if number else None
        found[shown] = found.get(shown, 0) + count
    return found


def areas(mask: Tensor) -> int:
    """The number of connected areas of a mask, bool [H, W]; diagonal neighbours are connected."""
    return connected_parts(mask.numpy())[1]


def size_of(row: Row) -> str:
    """The name of an episode's group by size."""
    return next(name for name, limit in SIZES.items() if row.area < limit)


def number_of(row: Row) -> str:
    """The name of an episode's group by instances."""
    return str(row.instances) if row.instances < MANY else f"{MANY} or more"


def pooled(rows: Sequence[Row], both: Sequence[str], group: Callable[[Row], str]) -> dict[str, dict[str, Any]]:
    """The IoU of each group and side, of summed counts, and the number of its episodes; groups in their order."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(group(row), []).append(row)
    order = [*SIZES, *(str(number) for number in range(MANY)), f"{MANY} or more"]
    found = {}
    for name in sorted(groups, key=order.index):
        sums = {s: [sum(row.counts[s][part] for row in groups[name]) for part in (0, 1)] for s in both}
        ious = {side: inter / union if union else 1.0 for side, (inter, union) in sums.items()}
        found[name] = {"episodes": len(groups[name]), **ious}
    return found


def strays(
    rows: Sequence[Row], both: Sequence[str], classes: Sequence[ClassId], most: int = COLUMNS
) -> tuple[dict[str, NDArray[np.float64]], list[ClassId]]:
    """Of all pixels found for a class, the shares that show another class, or nothing.

    Args:
        rows: the episodes.
        both: the sides.
        classes: the test classes, one row of a table each.
        most: number of shown classes with a column of their own, those with the most pixels of all sides.

    Returns:
        A table [classes, columns] for each side, and the classes of the columns; then come two columns, for all further
        classes and for no object. The row of a class that was never asked for is 0.
    """
    totals: dict[ClassId, int] = {}
    for shown, pixels in (item for row in rows for side in both for item in row.strayed[side].items()):
        if shown is not None:
            totals[shown] = totals.get(shown, 0) + pixels
    columns = sorted(sorted(totals), key=lambda shown: -totals[shown])[:most]
    place = {class_id: number for number, class_id in enumerate(columns)}
    tables = {}
    for side in both:
        table, found = np.zeros((len(classes), len(columns) + 2)), np.zeros((len(classes), 1))
        for row in rows:
            line = classes.index(row.class_id)
            for shown, pixels in row.strayed[side].items():
                table[line, -1 if shown is None else place.get(shown, len(columns))] += pixels
            found[line] += row.counts[side][0] + sum(row.strayed[side].values())
        tables[side] = table / found.clip(1)
    return tables, columns


def _pairs(table: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str]) -> list[dict[str, Any]]:
    """The ten largest entries: asked for, shown, and the share."""
    order = np.argsort(-table, axis=None, kind="stable")[:10]
    places = [np.unravel_index(place, table.shape) for place in order]
    return [{"asked": rows[y], "shown": columns[x], "share": float(table[y, x])} for y, x in places if table[y, x] > 0]


def _ious(groups: Mapping[str, Mapping[str, Any]], both: Sequence[str]) -> dict[str, dict[str, float | None]]:
    return {f"{name}\n({one['episodes']})": {side: one[side] for side in both} for name, one in groups.items()}


def _sheet(chosen: Sequence[Segmented], names: Mapping[ClassId, str]) -> Image.Image:
    shown = [
        Example(one.clip.episode.class_id, one.clip.images[[0, -1]], one.clip.masks[[0, -1]], one.predictions)
        for one in chosen
    ]
    return gallery_picture(shown, dict(names))
