"""Lists in text files, one entry per line."""

from __future__ import annotations

from pathlib import Path


def read_lines(path: Path, what: str) -> list[str]:
    """The lines of a file, without their ends.

    Args:
        path: of the file, UTF-8.
        what: the expected content, for the error.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not UTF-8, or has unprintable characters; names the file and the line.
    """
    if not path.is_file():
        msg = f"{path} is not there; expected {what}"
        raise FileNotFoundError(msg)
    lines = path.read_bytes().splitlines()
    return [_text(f"{path}, line {number}", line) for number, line in enumerate(lines, 1)]


def _text(where: str, line: bytes) -> str:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"{where}: expected text in UTF-8, but got {line[:60]!r}"
        raise ValueError(msg) from error
    if "\0" in text:
        msg = f"{where}: expected text, but got {text[:60]!r}"
        raise ValueError(msg)
    return text
