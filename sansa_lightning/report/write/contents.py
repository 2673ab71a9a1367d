"""The contents of a report, whatever its format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sansa_lightning.report.figures import Figure
from sansa_lightning.report.tables.model import Table


@dataclass(frozen=True)
class Panel:
    """A picture of test episodes.

    Attributes:
        title: below it.
        alt: what it shows.
        jpeg: the file, base64.
    """

    title: str
    alt: str
    jpeg: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a report.

    Attributes:
        name: unique in the report; where links lead to.
        title: its heading.
        says: a paragraph below the heading.
        tables: in it.
        figures: in it.
        panels: in it; only the page has them.
    """

    name: str
    title: str
    says: str = ""
    tables: Sequence[Table] = field(default_factory=tuple)
    figures: Sequence[Figure] = field(default_factory=tuple)
    panels: Sequence[Panel] = field(default_factory=tuple)

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return not self.tables and not self.figures and not self.panels


@dataclass(frozen=True)
class Contents:
    """A report.

    Attributes:
        title: of the report.
        says: where it is from.
        sections: none of them empty.
    """

    title: str
    says: str
    sections: Sequence[Section]
