"""Turns errors into the one line that a person needs: what is wrong, where, and the nearest thing that is right."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import yaml

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

UNKNOWN_KEY = re.compile(
    r"(?:does not accept option|Option|unrecognized arguments:) ['-]*(?P<key>[\w.]+?)(?:\.class_path)?(?:['=\s]|$)"
)
UNKNOWN_CLASS = re.compile(r"(?P<key>[\w.]+): .*?Expected a dot import path string: (?P<name>[\w.]+)")
BEFORE_SUBCOMMAND = re.compile(r"is not accepted before subcommand '(?P<subcommand>\w+)'")
UNION = re.compile(
    r"Does not validate against any of the Union .*? Errors: (?P<errors>.*) Given value type: .*? value: "
)
BUILDING = re.compile(
    r"Does not validate against any of the Union subtypes\n.*?\n\s*Errors:(?P<errors>\n.*)\n\s*Given value type:",
    re.DOTALL,
)
IN_WORKER = re.compile(r"Caught \w+ in DataLoader worker process .*\n(?:[\w.]*\.)?\w+: (?P<message>.*)", re.DOTALL)

WORDING = (
    (re.compile(r'^Parser key "([\w.]+)": (?:- )?'), r"\1: "),
    (re.compile(r"\b(?:fit|validate|test|predict)\.(?=(?:data|model|trainer)\.)"), ""),
    (re.compile(r"<class '(?:\w+\.)*(\w+)'>"), r"\1"),
    (re.compile(r"(?:typing\.)?Literal\[(.*?)\]"), r"one of \1"),
    (re.compile(r"Expected an? (.+?)\. Got value: "), r"expected \1, but got "),
    (re.compile(r"\bNoneType\b"), "null"),
)
"""jsonargparse's words, and what to say instead."""


def short_error(message: str, parsers: Iterable[ArgumentParser], modules: Iterable[ModuleType]) -> str:
    """One line: a parser's message, and for a misspelt key or class the nearest ones.

    Args:
        message: the parser's own, of many lines perhaps.
        parsers: those that know the keys.
        modules: those whose classes a configuration can name without a package.
    """
    line = _reworded(" ".join(message.split()))
    if found := BEFORE_SUBCOMMAND.search(line):
        return f"options and --config come after the subcommand: {found['subcommand']} --config FILE"
    classes = _classes(modules)
    if found := UNKNOWN_CLASS.search(line):
        known = classes.get(found["name"])
        fitting = _fitting(classes, _kinds(found["key"], parsers))
        hint = f"it is {known.__module__}.{known.__name__}" if known else _nearest(found["name"], fitting)
        return f"{found['key']}: no class {found['name']!r} fits here; {hint}"
    if found := UNKNOWN_KEY.search(line):
        keys = {key for parser in parsers for key in parser.get_defaults().keys(branches=True)}
        if line.startswith("Option"):  # of a class: the name alone, without the place
            keys = {name for each in classes.values() for name in inspect.signature(each).parameters}
        return f"{line}; {_nearest(found['key'], keys)}"
    return line


def brief(value: Any, length: int = 60) -> str:
    """A value as a message can show it: on one line, and not too long."""
    try:
        text = str(value) if isinstance(value, int | float | np.ndarray) else repr(value)
    except (RecursionError, ValueError):  # nested too deeply, or a number of more digits than Python writes
        text = f"a {type(value).__name__}"
    return plain(text, length)


def plain(text: str, length: int = 200) -> str:
    """The beginning of a text on one line, without what cannot be printed."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text[: 4 * length].split()))[:length]


def one_line(error: BaseException) -> str:
    """What an error says, without what a loading process or a parser that builds objects has put around it."""
    found = IN_WORKER.match(str(error))
    return " ".join(_of_constructor(found["message"] if found else str(error)).split())


def check_yaml(paths: Iterable[Path]) -> None:
    """Read configuration files once before the parser does, which does not say in which of them an error is.

    Raises:
        ValueError: one is not a mapping in YAML; names the file, the line and the column.
    """
    for path in paths:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            msg = f"config {path}{place}: not valid YAML: {getattr(error, 'problem', None) or error}"
            raise ValueError(msg) from error
        if not isinstance(content, dict | None):
            msg = f"config {path}: expected a mapping of options at its top, but got a {type(content).__name__}"
            raise ValueError(msg)


def _reworded(line: str) -> str:
    if found := UNION.search(line):
        kinds = re.findall(r"- Expected an? (.+?)(?= - |$)", found["errors"])
        if "dot import path" not in found["errors"]:
            line = f"{line[: found.start()]}expected {' or '.join(kinds)}, but got {line[found.end() :]}"
    for pattern, words in WORDING:
        line = pattern.sub(words, line)
    return line


def _of_constructor(text: str) -> str:
    """What a class said of its arguments, where jsonargparse tells what else the value could have been: null, mostly.

    Such errors come one a line, those of a type within a type deeper.
    """
    if not (found := BUILDING.search(text)):
        return text
    errors = [re.split(r"\n\s*(?:Subtypes|Given value)", each)[0] for each in re.split(r"\n\s*- ", found["errors"])]
    own = [each for each in errors if each.strip() and not each.startswith(("Expected a", "Does not validate"))]
    return own[0] if own else text


def _classes(modules: Iterable[ModuleType]) -> dict[str, type]:
    """The public classes of modules, of this project, torch or Lightning."""
    return {
        name: each
        for module in modules
        for name, each in vars(module).items()
        if inspect.isclass(each) and each.__module__.startswith(("sansa_lightning.", "torch.optim.", "lightning."))
    }


def _kinds(key: str, parsers: Iterable[ArgumentParser]) -> tuple[type, ...]:
    """The classes of which the value of a key may be; none where no parser has it, as deep in another value."""
    hints = [
        getattr(action, "_typehint", None) for parser in parsers for action in parser._actions if action.dest == key
    ]
    return tuple(kind for hint in hints for kind in _within(hint))


def _within(hint: Any) -> list[type]:
    """The classes that a type is made of: Strategy of ``Strategy | None``, Optimizer of what returns one."""
    parts = get_args(hint)
    return [kind for part in parts for kind in _within(part)] if parts else [hint] * inspect.isclass(hint)


def _fitting(classes: Mapping[str, type], kinds: tuple[type, ...]) -> list[str]:
    """Names of those that are of one of the kinds, of all if there is none, and can be built."""
    return [
        name
        for name, each in classes.items()
        if not inspect.isabstract(each) and (not kinds or issubclass(each, kinds))
    ]


def _nearest(word: str, known: Iterable[str]) -> str:
    """The nearest of the known words, for which capitals don't matter."""
    words = {each.lower(): each for each in sorted(set(known) - {word})}
    close = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return f"did you mean {words[close[0]]}?" if close else "see --help"
