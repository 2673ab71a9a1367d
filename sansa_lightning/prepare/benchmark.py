"""The data of a benchmark: files to fetch, archives to unpack, files to make, and downloads by hand."""

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
"""Folder for archives below a benchmark's root."""

Destination = Callable[[str], str | None]
"""Name of an archive's member -> its path below the root, or None for one that is not needed."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file on a server.

    Attributes:
        url: http or https; with plain http there is a checksum.
        size: bytes.
        exact: whether ``size`` is documented to the byte, and so checked; otherwise it is approximate.
        checksum: ``<algorithm>:<hexadecimal>``, stated by the publisher or a widely used library; None if there is
            none: then that of the first download is recorded, and later ones are compared with it.
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
    """Required files: at least ``count`` that match the glob ``pattern`` below the root."""

    pattern: str
    count: int

    def found(self, root: Path) -> int:
        """The number of existing files, without those being written."""
        return sum(not path.name.startswith(".") for path in root.glob(self.pattern))


@dataclass(frozen=True, slots=True)
class File:
    """A file that is used without unpacking.

    Attributes:
        remote: its source.
        path: its destination, below the root.
    """

    remote: Remote
    path: str


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive to unpack below the root.

    Attributes:
        file: its name in the folder ``archives``.
        contents: its files; if they exist already, for instance put there by a person, the archive is not needed.
        unpacked: approximate bytes of the needed members; more than twice as many are refused.
        members: from the root to the destinations of members.
        remote: its source; None for a download by hand.
        page: the address for a download by hand.
        superseded_by: files that make the archive unnecessary.
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
    """Files made from unpacked ones; existing ones are not made again.

    Attributes:
        what: a short description.
        contents: the files.
        size: approximate bytes.
        make: takes the root, and makes the missing ones.
    """

    what: str
    contents: tuple[Content, ...]
    size: int
    make: Callable[[Path], None]


Step = File | Archive | Made


@dataclass(frozen=True, slots=True)
class Layout:
    """One of the forms in which a benchmark's data circulate.

    Attributes:
        marker: a path below the root by which the layout is recognised.
        source: from the root to the source that reads it, without its own check of files.
        splits: the splits to check.
        contents: required files whose absence no list of the benchmark would show.
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
        steps: in their order.
        layouts: those that can be checked; the first is the result of the steps.
    """

    name: str
    page: str
    terms: str
    steps: tuple[Step, ...]
    layouts: tuple[Layout, ...]

    def layouts_in(self, root: Path) -> tuple[Layout, ...]:
        """The layouts whose marker exists; the first one if none does."""
        return tuple(layout for layout in self.layouts if (root / layout.marker).exists()) or self.layouts[:1]


def complete(root: Path, contents: tuple[Content, ...]) -> bool:
    """Whether all ``contents`` exist; False if there are none to look for."""
    return bool(contents) and all(content.found(root) >= content.count for content in contents)


def read_by(place: str, **settings: Any) -> Callable[[Path], Source]:
    """The source of a layout, without its own check of files; imported at its first use, since it imports torch.

    Args:
        place: ``module:class`` below ``sansa_lightning.data.sources``.
        settings: arguments of the class, beside its root.
    """
    module, name = place.split(":")

    def source(root: Path) -> Source:
        found = import_module(f"sansa_lightning.data.sources.{module}")
        made: Source = getattr(found, name)(root, check_files=False, **settings)
        return made

    return source


def renamed(pattern: str, path: str) -> Callable[[Path], Destination]:
    """Send members that fully match a regular expression to ``path``, a template of ``re``."""
    compiled = re.compile(pattern)

    def destination(name: str) -> str | None:
        found = compiled.fullmatch(name)
        return found.expand(path) if found else None

    return lambda root: destination
