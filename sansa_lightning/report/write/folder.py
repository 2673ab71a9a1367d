"""A report as a folder: a page, Markdown, LaTeX, a CSV for each table, and an SVG for each figure."""

from __future__ import annotations

import base64
import csv
import io
import re
from pathlib import Path
from typing import Any

from sansa_lightning.files.whole import write_text
from sansa_lightning.report.tables.model import Table
from sansa_lightning.report.write.contents import Contents
from sansa_lightning.runs.result import result_name

PAGE, MARKDOWN, LATEX = "index.html", "report.md", "report.tex"
RESULTS = tuple(result_name(subcommand) for subcommand in ("fit", "validate", "test", "predict"))
"""Files by which the folder of a run is known."""

TABLES, FIGURES = "tables", "figures"
GENERATOR = "sansa_lightning report"
"""Name in the page, by which an earlier report is known."""

LATEX_CHARACTERS = {
    **{character: f"\\{character}" for character in "&%$#{}"},
    "_": "\\_\\allowbreak{}",
    "/": "/\\allowbreak{}",
    **{character: f"{{{character}}}" for character in "[]*"},  # a row that begins with one is an option of the last
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "±": "$\\pm$",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
}
MARKDOWN_CHARACTERS = {
    **{character: f"\\{character}" for character in "\\`*_[]|~$"},
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
}
LONG = 28
"""Characters of a text above which its cell breaks lines."""


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds something else than an earlier report, or that belongs to a run.

    Raises:
        ValueError: it does, or it is a file, or it is in the folder of a run.
    """
    page, real = folder / PAGE, folder.resolve()
    runs = [each for each in (real, *real.parents) if any((each / name).is_file() for name in RESULTS)]
    if folder.exists() and not folder.is_dir():
        msg = f"--out: {folder} is a file; choose a folder"
        raise ValueError(msg)
    if runs:
        msg = f"--out: {folder} is in the folder of a run, {runs[0]}; choose a folder elsewhere"
        raise ValueError(msg)
    if folder.is_dir() and any(folder.iterdir()) and not (page.is_file() and GENERATOR in page.read_text("utf-8")):
        msg = f"--out: {folder} holds other files than a report; choose a new folder"
        raise ValueError(msg)


def write_folder(contents: Contents, folder: Path) -> None:
    """Write all files; tables and figures of an earlier report in the folder are deleted.

    Raises:
        ValueError: see :func:`check_folder`.
        OSError: the folder cannot be written to.
    """
    check_folder(folder)
    texts = {name: _render(name, contents) for name in (PAGE, MARKDOWN, LATEX)}
    for old in [*(folder / TABLES).glob("*.csv"), *(folder / FIGURES).glob("*.svg")]:
        old.unlink()
    for section in contents.sections:
        for table in section.tables:
            _write(folder / TABLES / f"{table.name}.csv", csv_text(table))
        for figure in section.figures:
            _write(folder / FIGURES / f"{figure.name}.svg", figure.svg)
    for name, text in texts.items():
        _write(folder / name, text)


def _write(path: Path, text: str) -> None:
    """Write a text; of a folder's name that is no Unicode, question marks."""
    write_text(path, text.encode(errors="replace").decode())


def csv_text(table: Table) -> str:
    """A table as CSV: the keys of its columns, then its values in full precision; what is missing is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.key for column in table.columns])
    for row in table.rows:
        values = [row.get(column.key) for column in table.columns]
        writer.writerow(["" if value is None else value for value in values])
    return text.getvalue()


def latex(text: object) -> str:
    """A text in LaTeX; characters that its usual fonts lack become question marks."""
    marked = "".join(LATEX_CHARACTERS.get(each, each if ord(each) < 256 else "?") for each in str(text))
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", marked)


def latex_columns(table: Table) -> str:
    """The argument of a table's environment: numbers to the right, long texts in lines."""
    found = []
    for place, column in enumerate(table.columns):
        longest = max((len(row[place]) for row in table.texts()), default=0)
        text = "p{6cm}" if longest > LONG else "l"
        found.append(text if column.kind == "text" else "r")
    return "".join(found)


def markdown(text: object) -> str:
    """A text in Markdown, in a cell of a table too: on one line, and none of it is read as markup."""
    return " ".join("".join(MARKDOWN_CHARACTERS.get(each, each) for each in str(text)).split())


def _render(name: str, contents: Contents) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    tex = name == LATEX
    marks: dict[str, Any] = {"variable_start_string": "<<", "variable_end_string": ">>"} if tex else {}
    loader = PackageLoader("sansa_lightning.report.write", "templates")
    environment = Environment(
        loader=loader,
        autoescape=name == PAGE,  # noqa: S701  the other two formats have no markup of HTML's
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **marks,
    )
    environment.filters |= {"latex": latex, "markdown": markdown, "base64": _base64}
    environment.globals |= {"latex_columns": latex_columns, "generator": GENERATOR, "long": LONG}
    return environment.get_template(f"{name}.j2").render(contents=contents) + "\n"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
