"""Configuration files, read once and strictly before a parser sees them: what it would take in silence is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import yaml

from sansa_lightning.messages import brief

DEEPEST = 50
"""Levels of nesting; configurations of this project have about ten."""

MOST_ENTRIES = 10_000
"""Keys, values and list items, what aliases repeat counted each time; a complete configuration has some hundred."""

LARGEST = 4 << 20
"""Bytes of a file."""

CONFIG = ("config", "c")
"""Options that name a configuration file."""

SECTIONS = ("model", "data", "trainer", "model.base")
"""Keys that hold options. The parser takes something else there for another base, or for nothing said."""


def read_yaml(path: Path, kind: str = "config") -> dict[str, Any]:
    """The mapping in a YAML file; empty if the file is.

    Args:
        path: of the file, UTF-8.
        kind: what the file is, for the error.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no mapping in YAML, a key is there twice, or it is nested too deeply or too large; names the file
            and where it can the line.
    """
    where = f"{kind} {path}"
    if path.stat().st_size > LARGEST:
        msg = f"{where}: expected at most {LARGEST >> 20} MiB, but it has {path.stat().st_size / 2**20:.1f}"
        raise ValueError(msg)
    try:
        content = _parsed(path.read_text(encoding="utf-8-sig"), where)
    except UnicodeDecodeError as error:
        msg = f"{where}: not valid YAML: {error}"
        raise ValueError(msg) from error
    if not isinstance(content, dict | None):
        msg = f"{where}: expected a mapping of options at its top, but got a {type(content).__name__}"
        raise ValueError(msg)
    return content or {}


@dataclass(frozen=True)
class Document:
    """Something in YAML that a command line leads to.

    Attributes:
        place: the option or file, for messages.
        key: under which the content stands in the configuration; empty for a whole configuration.
        content: mappings, lists and plain values.
    """

    place: str
    key: str
    content: Any


def documents(pairs: Iterable[tuple[str, str]], takes_file: Callable[[str], bool]) -> list[Document]:
    """What a command line says, and all files that it leads to, each read strictly.

    Args:
        pairs: options with their values; see :func:`~sansa_lightning.recipes.options`.
        takes_file: whether a key's value may be the name of a file that holds it.

    Raises:
        ValueError: see :func:`read_yaml`; or a section is empty or a list.
    """
    found: list[Document] = []
    waiting = [(option.lstrip("-").rstrip("+"), value, Path()) for option, value in pairs]
    seen: set[tuple[str, Path]] = set()
    while waiting:
        option, value, folder = waiting.pop(0)
        key = "" if option in CONFIG else option
        path = folder / value
        if (not key or key in SECTIONS or takes_file(key)) and is_file(path):
            if (key, path) in seen:
                continue
            seen.add((key, path))
            document = Document(f"config {path}", key, read_yaml(path))
        else:
            document, path = Document(key or "--config", key, _value(option, value)), folder / "-"
        _check_sections(document)
        found.append(document)
        named = [(at, text) for at, text in _texts(document) if at != key and is_file(path.parent / text)]
        waiting += [(at, text, path.parent) for at, text in named if at in (*CONFIG, *SECTIONS) or takes_file(at)]
    return found


def is_file(name: str | Path) -> bool:
    """Whether there is a file of a name, which may be no name at all."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # too long for a name, or with a zero byte
        return False


def write_enumerations() -> None:
    """Have YAML write a value of an enumeration as the value alone: Lightning's Timer has one where it wants text."""
    yaml.SafeDumper.add_multi_representer(Enum, lambda dumper, member: dumper.represent_data(member.value))


def check_given(config: Any, parsers: Iterable[Any]) -> None:
    """Refuse options that were given nothing although they need something: the parser lets some pass.

    Args:
        config: a parsed configuration.
        parsers: those that know the keys.

    Raises:
        ValueError: names the keys.
    """
    hints = {action.dest: getattr(action, "_typehint", None) for each in parsers for action in each._actions}
    lacking = [key for key, hint in hints.items() if hint and config.get(key, 0) is None and not _takes_nothing(hint)]
    if lacking:
        msg = f"{', '.join(lacking)}: expected something, but got nothing; leave it out to keep what is set"
        raise ValueError(msg)


def _takes_nothing(hint: Any) -> bool:
    return hint in (Any, None, type(None)) or any(map(_takes_nothing, get_args(hint)))


def _value(option: str, value: str) -> Any:
    """The value of an option, as text unless it is more in YAML."""
    if option not in (*CONFIG, *SECTIONS) and not any(mark in value for mark in "[{&"):
        return value
    try:
        return _parsed(value, f"--{option}")
    except _NotYamlError:  # a name with brackets in it; the parser knows whether it may be that
        return value


def _texts(document: Document) -> Iterator[tuple[str, str]]:
    """Keys of the configuration, down to the second level, whose value is text and so perhaps a file's name."""
    levels = [(document.key, document.content)]
    for _ in range(3):
        yield from ((key, value) for key, value in levels if isinstance(value, str))
        inside = [(key, value) for key, value in levels if isinstance(value, dict)]
        levels = [
            (f"{key}.{name}" if key else str(name), each) for key, value in inside for name, each in value.items()
        ]


def _check_sections(document: Document) -> None:
    """See that sections are mappings, and that nothing is said twice, as ``model.base`` and below ``model``."""
    content = document.content
    if document.key in SECTIONS:
        _check_section(document.place, document.key, content)
    if document.key or not isinstance(content, dict):
        return
    for key in map(str, content):
        parts = key.split(".")
        if above := [head for number in range(1, len(parts)) if (head := ".".join(parts[:number])) in content]:
            msg = f"{document.place}: {key} stands beside {above[0]}; expected it below {above[0]}, once"
            raise ValueError(msg)
    for section in SECTIONS:
        found = content.get(section, content)
        for part in section.split(".") if found is content else ():
            found = found.get(part, _ABSENT) if isinstance(found, dict) else _ABSENT
        if found is not _ABSENT:
            _check_section(document.place, section, found)


def _check_section(where: str, section: str, value: Any) -> None:
    if not isinstance(value, dict | str) or not value:  # text is the name of a file with the section
        got = "nothing" if value in (None, "", {}) else brief(value)
        msg = f"{where}: {section}: expected options below it, but got {got}; leave {section} out to keep what is set"
        raise ValueError(msg)


_ABSENT = object()


class _NotYamlError(ValueError):
    """Text that is no YAML."""


def _parsed(text: str, where: str) -> Any:
    """What a text holds, after a look at its structure, which building it could not survive.

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
        raise _NotYamlError(msg) from error


@dataclass
class _Node:
    """A mapping or list that is being read.

    Attributes:
        keys: of a mapping, those so far; None for a list.
        anchor: name by which aliases repeat it, if any.
        entries: in it, aliases included.
        at_key: whether a mapping's next entry is a key.
    """

    keys: set[str] | None = None
    anchor: str | None = None
    entries: int = 1
    at_key: bool = True


@dataclass
class _Walk:
    """Looks at a document event by event, so that nothing is built of one that is too deep or too large."""

    where: str
    open: list[_Node] = field(default_factory=lambda: [_Node()])
    anchors: dict[str, int] = field(default_factory=dict)

    def take(self, event: yaml.Event) -> None:
        """Go one event on.

        Raises:
            ValueError: a key is there twice, or a limit is passed.
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
                raise self._error(event, f"*{event.anchor} is within what it repeats")
            self._add(event, self.anchors.get(str(event.anchor), 1), None)
        elif isinstance(event, yaml.ScalarEvent):
            if "\0" in event.value:
                raise self._error(event, f"{brief(event.value)} has a zero byte; expected text without")
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
                raise self._error(event, f"the key {brief(event.value)} is there twice; expected each once")
            node.keys.add(event.value)

    def _error(self, event: yaml.Event, trouble: str) -> ValueError:
        place = f", line {event.start_mark.line + 1}" if event.start_mark else ""
        return ValueError(f"{self.where}{place}: {trouble}")
