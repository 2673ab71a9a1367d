"""Does the order of rows agree with the paper's? Pairs of rows, and the certainty of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, stdev
from typing import Literal

from sansa_lightning.report.rows import Place

Verdict = Literal["agrees", "disagrees", "undecided"]


@dataclass(frozen=True)
class Ranked:
    """A row with a place in the paper.

    Attributes:
        name: of the row.
        paper: its score there.
        ours: scores by fold and seed.
    """

    name: str
    paper: float
    ours: Mapping[Place, float]


@dataclass(frozen=True)
class Pair:
    """Two rows that differ in the paper.

    Attributes:
        better: the one that is better in the paper.
        worse: the other.
        difference: mean of our scores, better minus worse, over the folds and seeds that both have.
        spread: standard deviation of these differences; None if there are fewer than two.
    """

    better: str
    worse: str
    difference: float
    spread: float | None

    @property
    def verdict(self) -> Verdict:
        """Agreement with the paper; undecided if the difference is not above its spread, or there is no spread."""
        if self.spread is None or abs(self.difference) <= self.spread:
            return "undecided"
        return "agrees" if self.difference > 0 else "disagrees"


def pairs(rows: Sequence[Ranked]) -> list[Pair]:
    """Every two rows that differ in the paper and share a fold and seed.

    Differences are paired: folds differ by more than rows do, and the same fold has the same test episodes.
    """
    found = []
    for one, other in combinations(rows, 2):
        better, worse = (one, other) if one.paper > other.paper else (other, one)
        shared = [place for place in better.ours if place in worse.ours]
        if one.paper == other.paper or not shared:
            continue
        differences = [better.ours[place] - worse.ours[place] for place in shared]
        spread = stdev(differences) if len(differences) > 1 else None
        found.append(Pair(better.name, worse.name, fmean(differences), spread))
    return found


def ranks(values: Mapping[str, float]) -> dict[str, int]:
    """Rank of each name, 1 for the highest value; equal values share a rank."""
    return {name: 1 + sum(other > value for other in values.values()) for name, value in values.items()}


def conclusions(found: Sequence[Pair]) -> list[str]:
    """The verdicts of the pairs in words; empty without pairs."""
    if not found:
        return []
    count = {verdict: [pair for pair in found if pair.verdict == verdict] for verdict in ("agrees", "disagrees")}
    undecided = len(found) - len(count["agrees"]) - len(count["disagrees"])
    by_mean = sum(pair.difference > 0 for pair in found)
    lines = [
        f"order: agrees with the paper in {len(count['agrees'])} of {len(found)} pairs, disagrees in "
        f"{len(count['disagrees'])}, undecided {undecided} (difference not above the standard deviation of the "
        f"paired differences over folds and seeds); by means alone it agrees in {by_mean}"
    ]
    if all(pair.spread is None for pair in found):
        lines.append("one fold and seed per row: no spread, so no pair is decided")
    lines += [
        f"disagrees: the paper has {pair.better} above {pair.worse}; here it is {100 * -pair.difference:.1f} "
        f"+- {100 * (pair.spread or 0):.1f} below"
        for pair in count["disagrees"]
    ]
    return lines
