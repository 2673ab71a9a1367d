"""A table as plain values, and how each kind of value reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

from sansa_lightning.report.rows import RowScores

Value = str | float | int | None
Kind = Literal["text", "percent", "signed", "count"]

NOTHING = "n/a"


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        key: of the values in the rows, and the heading in CSV.
        title: the heading for people.
        kind: "text"; "percent", a number in percent; "signed", a difference of such; "count", a whole number.
    """

    key: str
    title: str
    kind: Kind = "percent"

    def text(self, value: Value) -> str:
        """A value of the column for people."""
        if value is None or value == "":
            return NOTHING if self.kind != "text" else ""
        if isinstance(value, str):
            return value
        if self.kind == "count":
            return f"{value:,.0f}"
        rounded = round(value, 1) + 0.0  # no negative zero
        return f"{rounded:+.1f}" if self.kind == "signed" else f"{rounded:.1f}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        name: of its files, unique in a report.
        title: its heading.
        columns: from left to right.
        rows: values by the key of their column, in full precision; a missing one is None.
        notes: lines below it.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Value]]
    notes: Sequence[str] = field(default_factory=tuple)

    def texts(self) -> list[list[str]]:
        """The cells for people, row by row."""
        return [[column.text(row.get(column.key)) for column in self.columns] for row in self.rows]

    @property
    def folds(self) -> list[Value]:
        """The different sets of folds in its rows."""
        return list(dict.fromkeys(row["folds"] for row in self.rows if row.get("folds")))

    def shown(self) -> Table:
        """The same without the columns that have no value in any row."""
        kept = [column for column in self.columns if any(row.get(column.key) not in (None, "") for row in self.rows)]
        return Table(name=self.name, title=self.title, columns=kept, rows=self.rows, notes=self.notes)


SCORE_COLUMNS = (
    Column("miou", "mIoU"),
    Column("folds_sd", "± folds"),
    Column("seeds_sd", "± seeds"),
    Column("folds", "folds", "text"),
    Column("runs", "runs", "count"),
    Column("margin", "margin"),
    Column("wrong_miou", "wrong reference"),
    Column("choice", "choice"),
    Column("choice_chance", "chance"),
    Column("everything_miou", "everything"),
    Column("trained", "trained parameters", "count"),
)
"""Scores of a row with its controls."""

SPREAD_NOTE = (
    "percent; mIoU: mean over folds of the means over seeds; ± folds: standard deviation over folds of these means; "
    "± seeds: mean over folds of the standard deviation over seeds; margin: mIoU less that after a reference of a "
    "class that the target does not show"
)


def score_values(row: RowScores, score: str = "miou") -> dict[str, Value]:
    """The values of ``SCORE_COLUMNS``; controls only beside the score on unseen classes, which they belong to."""
    folds = sorted({fold for fold, _ in row.values(score)}, key=str)
    values: dict[str, Value] = {
        "miou": percent(row.mean(score)),
        "folds_sd": percent(row.fold_spread(score)),
        "seeds_sd": percent(row.seed_spread(score)),
        "folds": "" if folds == [None] else ", ".join(map(str, folds)),
        "runs": len(row.values(score)),
    }
    for name in ("margin", "wrong_miou", "choice", "choice_chance", "everything_miou") if score == "miou" else ():
        values[name] = percent(row.mean(name))
    trained = list(row.values("trained_parameters").values())
    return {**values, "trained": round(fmean(trained)) if trained else None}


def percent(share: float | None) -> float | None:
    """A share in [0, 1] in percent."""
    return None if share is None else 100 * share
