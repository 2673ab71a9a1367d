"""``python -m sansa_lightning report RUNS ... --out FOLDER``: tables and a page from run folders."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from sansa_lightning.files.extras import check_extra
from sansa_lightning.runs.folder import expanded


def report(args: Sequence[str]) -> int:
    """The command ``report``.

    Returns:
        0.

    Raises:
        FileNotFoundError: a folder, or a file of single targets, is not there.
        ValueError: there is nothing to report, two runs cannot be compared, or the output folder holds something else.
    """
    given = report_parser().parse_args(args)
    from sansa_lightning.report.build import build
    from sansa_lightning.report.gather.find import find
    from sansa_lightning.report.pairs.compare import compare, compared_run
    from sansa_lightning.report.write.folder import PAGE, check_folder, write_folder

    check_extra("report", {"jinja2": "jinja2", "matplotlib": "matplotlib"}, "report")
    if not given.runs and not given.compare:
        msg = "report: expected run folders, or --compare with two of them"
        raise ValueError(msg)
    check_folder(given.out)
    found = find([*given.runs, *(given.compare or ())])
    pair = [compared_run(folder, found.runs) for folder in given.compare or ()]
    contents = build(found, compare(*pair) if pair else None, given.title)
    write_folder(contents, given.out)
    print(f"{contents.says.partition('. ')[0]}; {given.out / PAGE}")
    return 0


def report_parser() -> argparse.ArgumentParser:
    """Options of ``report``."""
    made = argparse.ArgumentParser("sansa_lightning report", allow_abbrev=False)
    made.add_argument(
        "runs",
        nargs="*",
        type=expanded,
        metavar="RUNS",
        help="run folders, folders of them such as runs/ablate, or tables that ablate wrote (.json)",
    )
    made.add_argument("--out", type=expanded, default=Path("report"), help="folder of the report")
    made.add_argument("--compare", nargs=2, type=expanded, metavar=("A", "B"), help="two runs, episode by episode")
    made.add_argument("--title", default="Few-shot segmentation: report", help="of the report")
    return made
