"""Turns errors into the one line that a person needs: what is wrong, where, and the nearest thing that is right."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

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
        hint = f"it is {known.__module__}.{known.__name__}" if known else _nearest(found["name"], classes)
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
    """What an error says, without the traceback that a loading process has put before it."""
    found = IN_WORKER.match(str(error))
    return " ".join((found["message"] if found else str(error)).split())


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


def _classes(modules: Iterable[ModuleType]) -> dict[str, type]:
    """The public classes of modules, of this project, torch or Lightning."""
    return {
        name: each
        for module in modules
        for name, each in vars(module).items()
        if inspect.isclass(each) and each.__module__.startswith(("sansa_lightning.", "torch.optim.", "lightning."))
    }


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, sorted(set(known) - {word}), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else "see --help"
