"""Sorts ISIC's images into a folder for each diagnosis, by the published table."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from sansa_lightning.data.sources.isic import NAMES
from sansa_lightning.prepare.benchmark import Destination

TABLE = "class_id.csv"
"""Below the root; columns ``ID`` and ``Class``, a line an image."""

FOLDER = "ISIC2018_Task1-2_Training_Input"


def by_diagnosis(root: Path) -> Destination:
    """Where the images of the official archive go: ``<FOLDER>/<1..3>/<id>.jpg``; other members are left.

    Raises:
        FileNotFoundError: the table is not there.
        ValueError: it is not the table.
    """
    folders = _folders(root / TABLE)

    def destination(name: str) -> str | None:
        found = re.fullmatch(rf"(?:.*/)?{re.escape(FOLDER)}/(?:[1-3]/)?(ISIC_\d+)\.jpg", name)
        if not found or found[1] not in folders:
            return None
        return f"{FOLDER}/{folders[found[1]]}/{found[1]}.jpg"

    return destination


def _folders(table: Path) -> dict[str, int]:
    """Image -> number of its folder."""
    if not table.is_file():
        msg = f"{table} is not there; expected data/isic/class_id.csv of slei109/PATNet"
        raise FileNotFoundError(msg)
    with table.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if not {"ID", "Class"} <= set(rows.fieldnames or ()):
            msg = f"{table}: expected the columns ID and Class, but got {', '.join(rows.fieldnames or ['nothing'])}"
            raise ValueError(msg)
        folders = {}
        for row in rows:
            diagnosis = str(row["Class"]).replace("_", " ").strip()
            if diagnosis not in NAMES:
                msg = f"{table}, line {rows.line_num}: expected one of {', '.join(NAMES)}, but got {diagnosis[:60]!r}"
                raise ValueError(msg)
            folders[row["ID"].strip()] = NAMES.index(diagnosis) + 1
    return folders
