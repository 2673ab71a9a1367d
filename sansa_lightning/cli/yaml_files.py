"""YAML files, read strictly: faults that would pass silently, and structures that would exhaust memory, are refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from sansa_lightning.files.messages import brief

DEEPEST = 50
"""Levels of nesting; configurations of this project have about ten."""

MOST_ENTRIES = 10_000
"""Keys, values and list items, counted again for each alias; a complete configuration has some hundred."""

LARGEST = 4 << 20
"""Bytes of a file."""


class NotYamlError(ValueError):
    """Text that is not YAML."""


def read_yaml(path: Path, kind: str = "config") -> dict[str, Any]:
    """The mapping in a YAML file; empty if the file is.

    Args:
        path: of the file, UTF-8.
        kind: what the file is, for the error.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a mapping in YAML, a key occurs twice, or it is nested too deeply or too large; names the
            file and, if possible, the line.
    """
    where = f"{kind} {path}"
    if path.stat().st_size > LARGEST:
        msg = f"{where}: expected at most {LARGEST >> 20} MiB, but it has {path.stat().st_size / 2**20:.1f}"
        raise ValueError(msg)
    try:
        content = parsed(path.read_text(encoding="utf-8-sig"), where)
    except UnicodeDecodeError as error:
        msg = f"{where}: not valid YAML: {error}"
        raise ValueError(msg) from error
    if not isinstance(content, dict | None):
        msg = f"{where}: expected a mapping of options at its top, but got a {type(content).__name__}"
        raise ValueError(msg)
    return content or {}


def parsed(text: str, where: str) -> Any:
    """The content of a text, after a check of its structure, which may be too large to build.

    Args:
        text: YAML.
        where: its place, for the error.

    Raises:
        ValueError: see :func:`read_yaml`.
    """
    walk = _Walk(where)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            walk.take(event)
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        msg = f"{where}{place}: not valid YAML: {getattr(error, 'problem', None) or error}"
        raise NotYamlError(msg) from error


def write_enumerations() -> None:
    """Make YAML write enumeration members as plain values: Lightning's Timer has one as a default for text."""
    yaml.SafeDumper.add_multi_representer(Enum, lambda dumper, member: dumper.represent_data(member.value))


@dataclass
class _Node:
    """A mapping or list being read.

    Attributes:
        keys: of a mapping so far; None for a list.
        anchor: name for aliases, if any.
        entries: number so far, aliases included.
        at_key: whether a mapping's next entry is a key.
    """

    keys: set[str] | None = None
    anchor: str | None = None
    entries: int = 1
    at_key: bool = True


@dataclass
class _Walk:
    """Checks a document event by event, so that nothing is built from one that is too deep or too large."""

    where: str
    open: list[_Node] = field(default_factory=lambda: [_Node()])
    anchors: dict[str, int] = field(default_factory=dict)

    def take(self, event: yaml.Event) -> None:
        """Take one event.

        Raises:
            ValueError: a key occurs twice, or a limit is exceeded.
        """
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self.open.append(_Node(set() if isinstance(event, yaml.MappingStartEvent) else None, event.anchor))
            if len(self.open) > DEEPEST:
                raise self._error(event, f"nested more than {DEEPEST} levels deep")
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            closed = self.open.pop()
            self._add(event, closed.entries, closed.anchor)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in {node.anchor for node in self.open}:
                raise self._error(event, f"*{event.anchor} is inside the value that it repeats")
            self._add(event, self.anchors.get(str(event.anchor), 1), None)
        elif isinstance(event, yaml.ScalarEvent):
            if "\0" in event.value:
                raise self._error(event, f"{brief(event.value)} has a null byte; expected text without one")
            self._check_key(event)
            self._add(event, 1, event.anchor)

    def _add(self, event: yaml.Event, entries: int, anchor: str | None) -> None:
        node = self.open[-1]
        node.entries += entries
        node.at_key = not node.at_key
        if anchor is not None:
            self.anchors[anchor] = entries
        if node.entries > MOST_ENTRIES:
            raise self._error(event, f"more than {MOST_ENTRIES} entries")

    def _check_key(self, event: yaml.ScalarEvent) -> None:
        node = self.open[-1]
        if node.keys is not None and node.at_key:
            if event.value in node.keys:
                raise self._error(event, f"the key {brief(event.value)} occurs twice; expected each once")
            node.keys.add(event.value)

    def _error(self, event: yaml.Event, trouble: str) -> ValueError:
        place = f", line {event.start_mark.line + 1}" if event.start_mark else ""
        return ValueError(f"{self.where}{place}: {trouble}")
