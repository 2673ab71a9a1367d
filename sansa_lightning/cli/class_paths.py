"""Classes named in a configuration: looked up before they are imported; nothing but classes is built."""

from __future__ import annotations

import inspect
import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

from sansa_lightning.cli.config_files import Document
from sansa_lightning.cli.short_error import kinds_of
from sansa_lightning.files.messages import plain

log = logging.getLogger(__name__)

KNOWN = ("sansa_lightning", "torch", "lightning", "torchmetrics")
"""Packages that every run imports anyway."""

DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
MADE_ELSEWHERE = re.compile(r"import\s*\(?\s*\*|__getattr__|globals\(|setattr\(|exec\(")
"""Code in a module that may give it names from elsewhere."""

BASE_NAME = "model.base.name"
"""Key of which a text with a module in it is the import path of a tracker, though the parser takes it for any text."""

DENIED = re.compile(r"(?:Parser key \"(?P<key>[\w.]+)\")?.*Importing '(?P<path>[\w.]+)' is not allowed", re.DOTALL)
"""Jsonargparse's refusal of a path; advice to allow it follows."""


def only_safe_imports() -> None:
    """Make jsonargparse refuse its list of modules that no configuration needs, and build only wanted classes."""
    set_parsing_settings(import_path_denylist=[], instantiate_subclass_spec_in_any=False)


# --- before anything is imported --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """A class path with a module, from a configuration.

    Attributes:
        place: the option or file.
        key: of the class path; ends in ``class_path`` if the value is written out.
        path: of the class.
    """

    place: str
    key: str
    path: str


def named_classes(found: Iterable[Document], parsers: Sequence[ArgumentParser]) -> list[Named]:
    """The class paths in the options of a command line and in its files.

    Args:
        found: see :func:`~sansa_lightning.cli.config_files.documents`.
        parsers: know which keys take classes.
    """
    return [
        Named(each.place, at, path)
        for each in found
        for at, path in _paths(each.content, each.key, lambda key: bool(wanted(key, parsers)))
    ]


def check_before_import(named: Iterable[Named]) -> None:
    """Refuse class paths that lead nowhere, before any of their modules is imported, and log whose code will be run.

    Raises:
        ValueError: there is no such module, or no such name in it.
    """
    for each in named:
        fault, foreign = _looked_for(each.path)
        if fault:
            msg = f"{each.place}: {fault}"
            raise ValueError(msg)
        if foreign:
            log.warning("%s: %s is run as code of this configuration, from %s", each.place, each.path, foreign)


def check_kinds(named: Iterable[Named], parsers: Sequence[ArgumentParser]) -> None:
    """Refuse classes, as far as they are imported already, that their keys do not take.

    Raises:
        ValueError: names the key, the class and the expected class.
    """
    for each in named:
        kinds, found = wanted(each.key.removesuffix(".class_path"), parsers), _object(each.path)
        if found is not None and not (inspect.isclass(found) and (not kinds or issubclass(found, tuple(kinds)))):
            _refuse(each.key.removesuffix(".class_path"), each.path, kinds)


def check_imported(named: Iterable[Named]) -> None:
    """Report a module that cannot be imported, if that made a parser refuse a configuration.

    Raises:
        ValueError: names the class path, the module and the line in it.
    """
    for each in named:
        parts = each.path.split(".")
        module = ".".join(parts[: _deepest_module(parts)[0]])
        if module in sys.modules:
            continue
        try:
            import_module(module)
        except Exception as error:
            msg = f"{each.place}: {each.path}: the module {module!r} cannot be imported{_line_of(error)}: "
            raise ValueError(f"{msg}{type(error).__name__}: {plain(str(error))}") from error


def _line_of(error: Exception) -> str:
    """The file and line where an import failed, outside the import machinery and this file."""
    own = ("<frozen importlib", __file__)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(own)]
    frames = [frame for frame in frames if Path(frame.filename).parent.name != "importlib"]
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""


def without_advice(message: str) -> str:
    """A parser's message; one about a denied path is in our words."""
    if not (found := DENIED.match(message)):
        return message
    return f"{found['key'] or 'configuration'}: {found['path']!r} may not be named in a configuration"


def wanted(key: str, parsers: Iterable[ArgumentParser]) -> set[type]:
    """The classes of which the value of a key may be, without Python's own; none where no parser has the key."""
    if key == BASE_NAME:
        from sansa_lightning.trackers.base import Tracker  # imports torch

        return {Tracker}
    return {kind for kind in kinds_of(key, parsers) if kind.__module__.partition(".")[0] not in sys.stdlib_module_names}


def _paths(content: Any, key: str, wants_class: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """Keys and class paths with a module in nested values; a value repeated by aliases is searched once."""
    waiting, seen = [(key, content)], set()
    while waiting:
        at, value = waiting.pop()
        if isinstance(value, str):
            if DOTTED.fullmatch(value) and (at.endswith("class_path") or wants_class(at)):
                yield at, value
        elif isinstance(value, dict | list) and id(value) not in seen:
            seen.add(id(value))
            under = f"{at}." if at else ""
            waiting += [(f"{under}{name}", each) for name, each in value.items()] if isinstance(value, dict) else []
            waiting += [(at, each) for each in value] if isinstance(value, list) else []


@cache
def _looked_for(path: str) -> tuple[str, str]:
    """The fault of a class path, and the file of its module if that is neither known nor imported yet."""
    parts = path.split(".")
    if parts[0] in sys.stdlib_module_names:
        return f"{path!r} is in Python's own library, which has no class that a configuration may name", ""
    depth, origin = _deepest_module(parts)
    if depth == 0:
        return f"there is no module {parts[0]!r} (class path {path!r})", ""
    module, name = ".".join(parts[:depth]), parts[depth]
    if module in sys.modules:
        lacks = not hasattr(sys.modules[module], name)
    else:
        source = Path(origin).read_text(encoding="utf-8", errors="replace") if origin.endswith(".py") else name
        lacks = not re.search(rf"\b{re.escape(name)}\b", source) and not MADE_ELSEWHERE.search(source)
    if lacks:
        return f"there is no {name!r} in the module {module!r} (class path {path!r})", ""
    return "", origin if parts[0] not in KNOWN and module not in sys.modules else ""


def _deepest_module(parts: Sequence[str]) -> tuple[int, str]:
    """The number of words of a path that name a module, and its file; parents are not imported to find children."""
    depth, origin, folders = 0, "", None
    for number in range(1, len(parts)):
        name = ".".join(parts[:number])
        if (module := sys.modules.get(name)) is not None:
            depth, origin, folders = number, str(getattr(module, "__file__", "")), getattr(module, "__path__", None)
        else:
            found = [each.find_spec(name, folders) for each in sys.meta_path if hasattr(each, "find_spec")]
            spec = next((each for each in found if each is not None), None)
            if spec is None:
                break
            depth, origin, folders = number, spec.origin or "", spec.submodule_search_locations
        if folders is None:
            break
    return depth, origin


# --- before anything is built -----------------------------------------------------------------------------------------


def check_built(config: Namespace, parsers: Sequence[ArgumentParser]) -> None:
    """Refuse anything that a parsed configuration would call although it is not a class.

    jsonargparse makes sure that classes are of the wanted kind, but also takes functions: those annotated to return
    that kind, and for optimisers any function.

    Raises:
        ValueError: names the key, the object and the expected class.
    """
    waiting: list[tuple[str, Any]] = [(str(key), value) for key, value in vars(config).items()]
    while waiting:
        key, value = waiting.pop()
        kinds = wanted(key, parsers)
        if isinstance(value, Namespace | Mapping):
            inside = vars(value) if isinstance(value, Namespace) else value
            path = inside.get("class_path")
            if isinstance(path, str) and "." in path and not inspect.isclass(_object(path)):
                _refuse(key, path, kinds)
            waiting += [(f"{key}.{name}", each) for name, each in inside.items()]
        elif isinstance(value, list | tuple):
            waiting += [(key, each) for each in value]
        elif kinds and inspect.isroutine(value):
            _refuse(key, f"{value.__module__}.{value.__qualname__}", kinds)


def _refuse(key: str, path: str, kinds: Iterable[type]) -> None:
    names = " or ".join(sorted(kind.__name__ for kind in kinds)) or "the class that the key wants"
    found = _object(path)
    what = "another class" if inspect.isclass(found) else f"a {type(found).__name__}, which is never called"
    msg = f"{key}: expected {names} or a subclass of it, but {plain(path)} is {what}"
    raise ValueError(msg)


def _object(path: str) -> Any:
    """The object at a path whose modules are imported by now; None if there is none."""
    parts = path.split(".")
    depth = max((number for number in range(1, len(parts)) if ".".join(parts[:number]) in sys.modules), default=0)
    found: Any = sys.modules.get(".".join(parts[:depth]))
    for part in parts[depth:]:
        found = getattr(found, part, None)
    return found
