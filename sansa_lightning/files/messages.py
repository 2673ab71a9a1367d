"""Messages for people: errors on one line, values cut short, counts with their nouns."""

from __future__ import annotations

import re
from typing import Any

BUILDING = re.compile(
    r"Does not validate against any of the Union subtypes\n.*?\n\s*Errors:(?P<errors>\n.*)\n\s*Given value type:",
    re.DOTALL,
)
IN_WORKER = re.compile(r"Caught \w+ in DataLoader worker process .*\n(?:[\w.]*\.)?\w+: (?P<message>.*)", re.DOTALL)


def brief(value: Any, length: int = 60) -> str:
    """A value for a message: on one line, and not too long."""
    try:
        text = str(value) if isinstance(value, int | float) or type(value).__name__ == "ndarray" else repr(value)
    except (RecursionError, ValueError):  # nested too deeply, or a number with more digits than Python writes
        text = f"a {type(value).__name__}"
    return plain(text, length)


def plain(text: str, length: int = 200) -> str:
    """The beginning of a text, on one line, with unprintable characters replaced by question marks."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text[: 4 * length].split()))[:length]


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun: ``1 picture``, ``2 pictures``; ``plural`` where an s does not make it."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """Seconds for people.

    >>> duration(8.4), duration(80), duration(3700), duration(100_000)
    ('8 s', '1 min 20 s', '1 h 1 min', '1 d 3 h')
    """
    whole = max(0, round(seconds))
    for size, unit, smaller, name in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller} {name}"
    return f"{whole} s"


def one_line(error: BaseException) -> str:
    """The message of an error, without the text that a loading process or the parser has put around it."""
    found = IN_WORKER.match(str(error))
    return " ".join(_of_constructor(found["message"] if found else str(error)).split())


def _of_constructor(text: str) -> str:
    """The complaint of a class about its arguments, out of jsonargparse's list of the types that the value did not fit.

    The list has one error a line; errors of nested types are indented.
    """
    if not (found := BUILDING.search(text)):
        return text
    errors = [re.split(r"\n\s*(?:Subtypes|Given value)", each)[0] for each in re.split(r"\n\s*- ", found["errors"])]
    own = [each for each in errors if each.strip() and not each.startswith(("Expected a", "Does not validate"))]
    return own[0] if own else text
