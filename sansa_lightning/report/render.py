"""A table with its scores, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

from sansa_lightning.report.notes import paper_notes, run_notes
from sansa_lightning.report.ranking import Pair, Ranked, conclusions, pairs, ranks
from sansa_lightning.report.rows import ORDERED, RowScores
from sansa_lightning.report.scores import NAMES

NOTHING = "n/a"


@dataclass(frozen=True, kw_only=True)
class Report:
    """A table and its results.

    Attributes:
        name: of the table's file.
        title: of the table.
        rows: with their scores.
        paper_base: base of the paper's numbers; None if each row has its own.
        errors: last line of error of failed runs, by the run's name.
    """

    name: str
    title: str
    rows: Sequence[RowScores]
    paper_base: str | None = None
    errors: Mapping[str, str] = field(default_factory=dict)

    def markdown(self) -> str:
        """The table, with its notes below."""
        paper = {score: self._paper_column(score) for score in PAPER_HEADS}
        head = [*HEADS, *(PAPER_HEADS[score] for score, column in paper.items() if column)]
        lines = [head, ["---", *["---:"] * (len(head) - 1)]]
        for number, row in enumerate(self.rows):
            lines.append([*_cells(row), *(column[number] for column in paper.values() if column)])
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"# {self.title}\n\n{table}\n\n" + "\n".join(f"- {note}" for note in self.notes()) + "\n"

    def notes(self) -> list[str]:
        """The meaning of the table, its agreement with the paper's order, and the failed runs."""
        lines = [
            "percent; mIoU: mean over folds of the means over seeds +- standard deviation over folds, in brackets the "
            "mean over folds of the standard deviation over seeds",
            *run_notes([row.planned for row in self.rows]),
            *paper_notes(self.rows, self.paper_base),
        ]
        for score, heading in (("miou", ""), ("in_domain", "in-domain, ")):
            lines += [f"{heading}{line}" for line in conclusions(self.pairs(score))]
        return [*lines, *(f"failed: {name}: {error}" for name, error in self.errors.items())]

    def plain(self) -> dict[str, Any]:
        """Everything behind the table, as plain values for JSON."""
        return {
            "table": self.name,
            "title": self.title,
            "rows": [_plain(row) for row in self.rows],
            "papers_experiment": [not row.difference for row in self.rows],
            "order": {
                score: [asdict(pair) | {"verdict": pair.verdict} for pair in self.pairs(score)] for score in ORDERED
            },
            "notes": self.notes(),
            "errors": dict(self.errors),
        }

    def pairs(self, score: str) -> list[Pair]:
        """Pairs of rows that differ in the paper by a score."""
        return pairs([Ranked(row.planned.name, paper, row.values(score)) for row, paper in self._ranked(score)])

    def _ranked(self, score: str) -> list[tuple[RowScores, float]]:
        found = [(row, row.planned.paper.get(score)) for row in self.rows]
        return [(row, paper) for row, paper in found if paper is not None]

    def _paper_column(self, score: str) -> list[str]:
        """The paper's values; only their ranks if a row is another experiment; else nothing."""
        printed = {row.planned.name: paper for row, paper in self._ranked(score)}
        same = not any(row.difference for row in self.rows)
        if not printed or not (same or score in ORDERED):
            return []
        order = ranks(printed)
        column = []
        for row in self.rows:
            name = row.planned.name
            if name not in printed:
                column.append(NOTHING)
            else:
                value = f"{printed[name]:.1f}" if score in ORDERED else f"{printed[name]:g} M"
                column.append(value if same else f"{order[name]}. of {len(order)}")
        return column


HEADS = (
    *("row", "runs", "mIoU", "in-domain", "margin", "wrong", "choice (chance)", "everything", "probe (chance)"),
    *("trained", "minutes"),
)
PAPER_HEADS = {"miou": "paper", "in_domain": "paper, in-domain", "params_m": "paper, trained"}


def _cells(row: RowScores) -> list[str]:
    trained, seconds = row.mean("trained_parameters"), [scores.seconds for scores in row.runs.values()]
    known = [each for each in seconds if each is not None]
    return [
        row.planned.name,
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
        "name": row.planned.name,
        "paper": dict(row.planned.paper),
        "runs": [
            {"fold": fold, "seed": seed, "identity": row.planned.runs[fold, seed], **asdict(scores)}
            for (fold, seed), scores in row.runs.items()
        ],
        "mean": {name: row.mean(name) for name in NAMES},
        "spread_over_folds": {name: row.fold_spread(name) for name in NAMES},
        "spread_over_seeds": {name: row.seed_spread(name) for name in NAMES},
    }
