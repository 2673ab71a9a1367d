"""Turn a parser's errors into one line: the fault, its place, and the nearest right value."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable, Mapping
from textwrap import dedent
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

UNKNOWN_KEY = re.compile(
    r"(?:does not accept option|Option|unrecognized arguments:) ['-]*(?P<key>[\w.]+?)(?:\.class_path)?(?:['=\s]|$)"
)
UNKNOWN_CLASS = re.compile(r"(?P<key>[\w.]+): .*?Expected a dot import path string: (?P<name>[\w.]+)")
KEY = re.compile(r'Parser key "(?P<key>[\w.]+)":')
WITHIN = re.compile(
    r"\n(?P<indent> +)(?:- )?Problem with given class_path '[\w.]+':\n(?P<inner>(?:(?P=indent) +.*(?:\n|$))+)"
)
"""A class is right, but one of its arguments is not; the message about that is indented further."""

UNION = re.compile(
    r"Does not validate against any of the Union .*? Errors: (?P<errors>.*) Given value type: .*? value: "
)

UNION_ERROR = re.compile(r"(?:^| )- (?=Expected an? |Import path |No module |Not a valid |Problem with |\w+: )")
NO_SUBCLASS = re.compile(r"Import path (?P<name>[\w.]+) does not correspond to a subclass of (?P<kind>\w+)")
NOT_GIVEN = re.compile(
    r"Not a valid subclass of (?P<kind>\w+)\. Got value: (?P<value>.*?) Subclass types expect one of:.*"
)
NO_SPEC = re.compile(r"(?P<what>Not a valid subclass of \w+) Subclass types expect one of:")

WORDING = (
    (re.compile(r"Expected a path but .*? either not accessible or invalid(?: - )?"), ""),  # what it could be, too
    (re.compile(r'^Parser key "([\w.]+)": (?:- )?'), r"\1: "),
    (re.compile(r"\b(?:fit|validate|test|predict)\.(?=(?:data|model|trainer)\.)"), ""),
    (re.compile(r"<class '(?:\w+\.)*(\w+)'>"), r"\1"),
    (re.compile(r"(?:typing\.)?Literal\[(.*?)\]"), r"one of \1"),
    (
        re.compile(r"Type typing\.Callable\[\[.*\], (?:\w+\.)*(\w+)\] expects a function .*\. Got value: "),
        r"expected a \1, by class_path and init_args, but got ",
    ),
    (re.compile(r"Expected an? (.+?)\. Got value: "), r"expected \1, but got "),
    (re.compile(r"\bNoneType\b"), "null"),
)
"""Jsonargparse's words, and ours."""


def short_error(message: str, parsers: Iterable[ArgumentParser], modules: Iterable[ModuleType]) -> str:
    """One line: a parser's message, and for a misspelt key or class the nearest ones.

    Args:
        message: the parser's own, perhaps of many lines.
        parsers: know the keys.
        modules: whose classes a configuration can name without a package.
    """
    line = _reworded(" ".join(_innermost(message).split()))
    classes = _classes(modules)
    if found := UNKNOWN_CLASS.search(line):
        known = classes.get(found["name"])
        kinds = kinds_of(found["key"], parsers)
        hint = (
            f"it is {known.__module__}.{known.__name__}" if known else nearest(found["name"], _fitting(classes, kinds))
        )
        wanted = " or ".join(dict.fromkeys(kind.__name__ for kind in kinds if kind not in (bool, type(None))))
        return f"{found['key']}: expected a {wanted or 'class'}, but {found['name']!r} is not one; {hint}"
    if found := UNKNOWN_KEY.search(line):
        keys = {key for parser in parsers for key in parser.get_defaults().keys(branches=True)}
        if line.startswith("Option"):  # of a class: the name alone, without the place
            keys = {name for each in classes.values() for name in inspect.signature(each).parameters}
        return f"{line}; {nearest(found['key'], keys)}"
    return line


def _innermost(message: str) -> str:
    """The message about the wrong argument, without those about the classes around it."""
    while (outer := KEY.match(message)) and (found := WITHIN.search(message)):
        inner = dedent(found["inner"])
        if not (argument := KEY.match(inner)) and not inner.startswith("Option "):
            break
        message = (
            f'Parser key "{outer["key"]}.init_args.{argument["key"]}":{inner[argument.end() :]}' if argument else inner
        )
    return message


def _reworded(line: str) -> str:
    if found := UNION.search(line):
        before = line[: found.start()]
        line = before + trouble if (trouble := _trouble(found["errors"], line[found.end() :])) else line
    line = NOT_GIVEN.sub(r"expected a \g<kind>, by class_path and init_args, but got \g<value>", line)
    for pattern, words in WORDING:
        line = pattern.sub(words, line)
    return line


def _trouble(errors: str, value: str) -> str:
    """The fault of a value that may have several types, from an error for each of them."""
    each = [error.strip() for error in UNION_ERROR.split(errors) if error.strip()]
    kinds = [kind[1] for error in each if (kind := re.fullmatch(r"Expected an? (.+)", error))]
    values = [kind for kind in kinds if "dot import path" not in kind]
    if found := NO_SUBCLASS.search(errors):
        return f"expected a {found['kind']}, but {found['name']} is not one"
    if other := [error for error in each if not error.startswith("Expected a")]:
        return NO_SPEC.sub(lambda found: f"{found['what']}. Got value: {value} Subclass types expect one of:", other[0])
    number = any(kind in ("<class 'float'>", "<class 'int'>") for kind in values)
    # A misspelt class is looked up by its name, see short_error; if numbers are allowed, a word is not a class.
    return f"expected {' or '.join(values)}, but got {value}" if number or len(values) == len(kinds) else ""


def _classes(modules: Iterable[ModuleType]) -> dict[str, type]:
    """The public classes of modules, of this project, torch or Lightning."""
    return {
        name: each
        for module in modules
        for name, each in vars(module).items()
        if inspect.isclass(each) and each.__module__.startswith(("sansa_lightning.", "torch.optim.", "lightning."))
    }


def kinds_of(key: str, parsers: Iterable[ArgumentParser]) -> tuple[type, ...]:
    """The classes that a key takes; none if no parser has the key, as deep inside another value."""
    hints = [
        getattr(action, "_typehint", None) for parser in parsers for action in parser._actions if action.dest == key
    ]
    return tuple(kind for hint in hints for kind in _within(hint))


def _within(hint: Any) -> list[type]:
    """The classes in a type: Strategy in ``Strategy | None``, Optimizer in a callable that returns one."""
    parts = get_args(hint)
    return [kind for part in parts for kind in _within(part)] if parts else [hint] * inspect.isclass(hint)


def _fitting(classes: Mapping[str, type], kinds: tuple[type, ...]) -> list[str]:
    """Names of the classes of one of the kinds (of any, without kinds) that can be built."""
    return [
        name
        for name, each in classes.items()
        if not inspect.isabstract(each) and (not kinds or issubclass(each, kinds))
    ]


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint at the nearest known word, ignoring case."""
    words = {each.lower(): each for each in sorted(set(known) - {word})}
    close = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return f"did you mean {words[close[0]]}?" if close else "see --help"
