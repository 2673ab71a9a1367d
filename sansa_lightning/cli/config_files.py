"""The YAML to which a command line leads, checked for faults that a parser would silently accept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from sansa_lightning.cli.yaml_files import NotYamlError, parsed, read_yaml
from sansa_lightning.files.messages import brief

CONFIG = ("config", "c")
"""Options that name a configuration file."""

SECTIONS = ("model", "data", "trainer", "model.base")
"""Keys that hold options. For the parser, any other value there means another base, or nothing."""


@dataclass(frozen=True)
class Document:
    """A piece of YAML to which a command line leads.

    Attributes:
        place: the option or file, for messages.
        key: of the content in the configuration; empty for a whole configuration.
        content: mappings, lists and plain values.
    """

    place: str
    key: str
    content: Any


def documents(pairs: Iterable[tuple[str, str]], takes_file: Callable[[str], bool]) -> list[Document]:
    """The options of a command line, and all files to which they lead, read strictly.

    Args:
        pairs: options with their values; see :func:`~sansa_lightning.cli.recipes.options`.
        takes_file: whether a key's value may be the name of a file with the value.

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
    """Whether a text is the name of an existing file."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # too long for a name, or with a null byte
        return False


def check_given(config: Any, parsers: Iterable[Any]) -> None:
    """Refuse options without a value that need one: the parser lets some pass.

    Args:
        config: a parsed configuration.
        parsers: know the keys.

    Raises:
        ValueError: names the keys.
    """
    hints = {action.dest: getattr(action, "_typehint", None) for each in parsers for action in each._actions}
    lacking = [key for key, hint in hints.items() if hint and config.get(key, 0) is None and not _takes_nothing(hint)]
    if lacking:
        msg = f"{', '.join(lacking)}: expected a value, but got nothing; leave it out to keep the present value"
        raise ValueError(msg)


def _takes_nothing(hint: Any) -> bool:
    return hint in (Any, None, type(None)) or any(map(_takes_nothing, get_args(hint)))


def _value(option: str, value: str) -> Any:
    """The value of an option: text, unless its YAML is a mapping or list."""
    if option not in (*CONFIG, *SECTIONS) and not any(mark in value for mark in "[{&"):
        return value
    try:
        return parsed(value, f"--{option}")
    except NotYamlError:  # a name with brackets in it; the parser decides whether it is valid
        return value


def _texts(document: Document) -> Iterator[tuple[str, str]]:
    """Keys of the configuration, down to the second level, whose value is text and may be a file's name."""
    levels = [(document.key, document.content)]
    for _ in range(3):
        yield from ((key, value) for key, value in levels if isinstance(value, str))
        inside = [(key, value) for key, value in levels if isinstance(value, dict)]
        levels = [
            (f"{key}.{name}" if key else str(name), each) for key, value in inside for name, each in value.items()
        ]


def _check_sections(document: Document) -> None:
    """Check that sections are mappings, and that nothing is set twice, as by ``model.base`` and below ``model``."""
    content = document.content
    if document.key in SECTIONS:
        _check_section(document.place, document.key, content)
    if document.key or not isinstance(content, dict):
        return
    for key in map(str, content):
        parts = key.split(".")
        if above := [head for number in range(1, len(parts)) if (head := ".".join(parts[:number])) in content]:
            msg = f"{document.place}: {key} stands beside {above[0]}; expected it once, below {above[0]}"
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
        msg = f"{where}: {section}: expected options below it, but got {got}; leave it out to keep the present values"
        raise ValueError(msg)


_ABSENT = object()
