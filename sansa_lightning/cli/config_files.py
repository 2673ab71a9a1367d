"""The YAML that a command line leads to, looked through before a parser would take in silence what is wrong in it."""

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
"""Keys that hold options. The parser takes something else there for another base, or for nothing said."""


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
        pairs: options with their values; see :func:`~sansa_lightning.cli.recipes.options`.
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
        return parsed(value, f"--{option}")
    except NotYamlError:  # a name with brackets in it; the parser knows whether it may be that
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
