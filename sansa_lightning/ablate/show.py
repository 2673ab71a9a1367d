"""A table with its scores as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Any

from sansa_lightning.ablate.order import Pair, Ranked, conclusions, pairs, ranks
from sansa_lightning.ablate.papers_experiment import difference
from sansa_lightning.ablate.scores import NAMES, RowScores
from sansa_lightning.ablate.table import Table

NOTHING = "n/a"


@dataclass(frozen=True)
class Report:
    """A table and what came of it.

    Attributes:
        table: the table.
        rows: with their scores.
        errors: last line of error of runs that failed, by the run's name.
        remarks: lines to show below, on how the runs were made.
    """

    table: Table
    rows: Sequence[RowScores]
    errors: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    def markdown(self) -> str:
        """The table, and below it what it is and what it says."""
        paper = {score: self._paper_column(score) for score in PAPER_HEADS}
        head = [
            "row",
            "runs",
            "mIoU",
            "in-domain",
            "margin",
            "wrong",
            "choice (chance)",
            "everything",
            "probe (chance)",
        ]
        head += ["trained", "minutes", *(PAPER_HEADS[score] for score, column in paper.items() if column)]
        lines = [head, ["---", *["---:"] * (len(head) - 1)]]
        for number, row in enumerate(self.rows):
            lines.append([*_cells(row), *(column[number] for column in paper.values() if column)])
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"# {self.table.title}\n\n{table}\n\n" + "\n".join(f"- {note}" for note in self.notes()) + "\n"

    def notes(self) -> list[str]:
        """What the table is, what it says of the paper's order, and which runs failed."""
        lines = [
            "percent; mIoU: mean over folds of the means over seeds +- standard deviation over folds, in brackets the "
            "mean over folds of the standard deviation over seeds",
            *self.remarks,
            *self._paper_remarks(),
        ]
        for score, heading in (("miou", ""), ("in_domain", "in-domain, ")):
            lines += [f"{heading}{line}" for line in conclusions(self.pairs(score))]
        return [*lines, *(f"failed: {name}: {error}" for name, error in self.errors.items())]

    def plain(self) -> dict[str, Any]:
        """Everything behind the table, as JSON writes it."""
        return {
            "table": self.table.name,
            "title": self.table.title,
            "rows": [_plain(row) for row in self.rows],
            "papers_experiment": [not text for text in self._differences],
            "order": {
                score: [asdict(pair) | {"verdict": pair.verdict} for pair in self.pairs(score)] for score in ORDERED
            },
            "notes": self.notes(),
            "errors": dict(self.errors),
        }

    def pairs(self, score: str) -> list[Pair]:
        """Pairs of rows that the paper tells apart by a score."""
        return pairs([Ranked(row.planned.row.name, paper, row.values(score)) for row, paper in self._ranked(score)])

    def _ranked(self, score: str) -> list[tuple[RowScores, float]]:
        found = [(row, row.planned.row.paper.get(score)) for row in self.rows]
        return [(row, paper) for row, paper in found if paper is not None]

    @cached_property
    def _differences(self) -> list[str]:
        """What tells each row from the paper's experiment."""
        base = self.table.paper_base
        return [difference(row.planned.config, base, row.planned.row.files) for row in self.rows]

    def _paper_column(self, score: str) -> list[str]:
        """The paper's values; where a row is another experiment, the order of scores alone; else nothing."""
        printed = {row.planned.row.name: paper for row, paper in self._ranked(score)}
        same = not any(self._differences)
        if not printed or not (same or score in ORDERED):
            return []
        order = ranks(printed)
        column = []
        for row in self.rows:
            name = row.planned.row.name
            if name not in printed:
                column.append(NOTHING)
            else:
                value = f"{printed[name]:.1f}" if score in ORDERED else f"{printed[name]:g} M"
                column.append(value if same else f"{order[name]}. of {len(order)}")
        return column

    def _paper_remarks(self) -> list[str]:
        if not any(self._ranked(score) for score in ORDERED):
            return ["the paper's values of these rows are not known to us"]
        differences = dict.fromkeys(text for text in self._differences if text)
        if differences:
            return [
                f"paper: order only, since this is not its experiment ({'; '.join(differences)}; "
                f"the paper's is COCO-20i with one reference and {self.table.paper_base or 'published bases'})"
            ]
        folds = {fold for row in self.rows for fold, _ in row.planned.runs}
        return ["paper: COCO-20i, one reference, mean of folds 0 to 3"] + (
            [f"here only folds {', '.join(sorted(map(str, folds)))}"] if len(folds) < len(range(4)) else []
        )


ORDERED = ("miou", "in_domain")
"""What the paper compares rows by."""

PAPER_HEADS = {"miou": "paper", "in_domain": "paper, in-domain", "params_m": "paper, trained"}


def _cells(row: RowScores) -> list[str]:
    trained, seconds = row.mean("trained_parameters"), [scores.seconds for scores in row.runs.values()]
    known = [each for each in seconds if each is not None]
    return [
        row.planned.row.name,
        f"{len(row.runs)}/{len(row.planned.runs)}",
        _spread(row, "miou"),
        _spread(row, "in_domain"),
        _spread(row, "margin"),
        _percent(row.mean("wrong_miou")),
        _beside_chance(row, "choice"),
        _percent(row.mean("everything_miou")),
        _beside_chance(row, "probe"),
        NOTHING if trained is None else f"{trained:,.0f}",
        NOTHING if not known else f"{fmean(known) / 60:.1f}",
    ]


def _beside_chance(row: RowScores, name: str) -> str:
    share = row.mean(name)
    return NOTHING if share is None else f"{_percent(share)} ({_percent(row.mean(f'{name}_chance'))})"


def _spread(row: RowScores, name: str) -> str:
    mean, folds, seeds = row.mean(name), row.fold_spread(name), row.seed_spread(name)
    if mean is None:
        return NOTHING
    return (
        _percent(mean)
        + ("" if folds is None else f" +- {_percent(folds)}")
        + ("" if seeds is None else f" ({_percent(seeds)})")
    )


def _percent(score: float | None) -> str:
    return NOTHING if score is None else f"{100 * score:.1f}"


def _plain(row: RowScores) -> dict[str, Any]:
    return {
        "name": row.planned.row.name,
        "paper": dict(row.planned.row.paper),
        "runs": [
            {"fold": fold, "seed": seed, "identity": row.planned.runs[fold, seed], **asdict(scores)}
            for (fold, seed), scores in row.runs.items()
        ],
        "mean": {name: row.mean(name) for name in NAMES},
        "spread_over_folds": {name: row.fold_spread(name) for name in NAMES},
        "spread_over_seeds": {name: row.seed_spread(name) for name in NAMES},
    }
