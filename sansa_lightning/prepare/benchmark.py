"""What a benchmark's data consist of: what is fetched, unpacked and made, and what a person has to fetch."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sansa_lightning.data.sources.base import Source, Split

ARCHIVES = "archives"
"""Folder below a benchmark's root that archives are kept in."""

Destination = Callable[[str], str | None]
"""Name of a member of an archive -> its path below the root, or None for one that is not needed."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file on somebody's server.

    Attributes:
        url: http or https; with plain http there is a checksum.
        size: bytes.
        exact: whether ``size`` is documented to the byte, and so checked; else it is about right.
        checksum: ``<algorithm>:<hexadecimal>`` as the publisher or a widely used library states it; None if nobody
            does, in which case that of the first download is recorded and later ones are compared with it.
    """

    url: str
    size: int
    exact: bool = True
    checksum: str | None = None

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Content:
    """Files that have to be there: at least ``count`` that match the glob ``pattern`` below the root."""

    pattern: str
    count: int

    def found(self, root: Path) -> int:
        """How many are there, those that are being written left out."""
        return sum(not path.name.startswith(".") for path in root.glob(self.pattern))


@dataclass(frozen=True, slots=True)
class File:
    """A file that is used as it is fetched.

    Attributes:
        remote: where it is fetched from.
        path: where it goes, below the root.
    """

    remote: Remote
    path: str


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive whose members are unpacked below the root.

    Attributes:
        file: its name in the folder ``archives``.
        contents: what it gives; if that is there already, say because a person put it there, the archive is left.
        unpacked: bytes of the members that are needed, about; more than twice as many are refused.
        members: from the root, where each member goes.
        remote: where it is fetched from; None if a person has to do that.
        page: for one to be fetched by hand: the address to go to.
        superseded_by: what makes the archive unnecessary if it is there.
    """

    file: str
    contents: tuple[Content, ...]
    unpacked: int
    members: Callable[[Path], Destination]
    remote: Remote | None = None
    page: str = ""
    superseded_by: tuple[Content, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """Something that is made from what was unpacked; what of it is there is not made again.

    Attributes:
        what: in a few words.
        contents: the files.
        size: bytes, about.
        make: from the root, makes those that are missing.
    """

    what: str
    contents: tuple[Content, ...]
    size: int
    make: Callable[[Path], None]


Step = File | Archive | Made


@dataclass(frozen=True, slots=True)
class Layout:
    """One of the forms in which a benchmark's data are in circulation.

    Attributes:
        marker: a path below the root by which the layout is recognised.
        source: from the root, what reads it; without a check of files of its own.
        splits: those to check.
        contents: what has to be there where no list of the benchmark's own would tell that something is missing.
    """

    marker: str
    source: Callable[[Path], Source]
    splits: tuple[Split, ...] = ("train", "val")
    contents: tuple[Content, ...] = ()


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark.

    Attributes:
        name: on the command line.
        page: its home.
        terms: of use, in a line.
        steps: in the order in which they are taken.
        layouts: those that can be checked; the first is the one that the steps give.
    """

    name: str
    page: str
    terms: str
    steps: tuple[Step, ...]
    layouts: tuple[Layout, ...]

    def layouts_in(self, root: Path) -> tuple[Layout, ...]:
        """Those whose marker is there; the first one if none is."""
        return tuple(layout for layout in self.layouts if (root / layout.marker).exists()) or self.layouts[:1]


def complete(root: Path, contents: tuple[Content, ...]) -> bool:
    """Whether all ``contents`` are there; False if none are asked for."""
    return bool(contents) and all(content.found(root) >= content.count for content in contents)


def read_by(place: str, **settings: Any) -> Callable[[Path], Source]:
    """The source of a layout, without a check of files of its own; imported when it is used, since it imports torch.

    Args:
        place: ``module:class`` below ``sansa_lightning.data.sources``.
        settings: of the class, beside its root.
    """
    module, name = place.split(":")

    def source(root: Path) -> Source:
        found = import_module(f"sansa_lightning.data.sources.{module}")
        made: Source = getattr(found, name)(root, check_files=False, **settings)
        return made

    return source


def renamed(pattern: str, path: str) -> Callable[[Path], Destination]:
    """Members that match a regular expression as a whole, each to ``path``, a template as of ``re``."""
    compiled = re.compile(pattern)

    def destination(name: str) -> str | None:
        found = compiled.fullmatch(name)
        return found.expand(path) if found else None

    return lambda root: destination
