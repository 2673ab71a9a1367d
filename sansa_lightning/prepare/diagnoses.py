"""Sort ISIC's images into a folder for each diagnosis, by the published table."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from sansa_lightning.data.formats.text_lists import read_lines
from sansa_lightning.data.sources.isic import NAMES
from sansa_lightning.files.messages import brief, plain
from sansa_lightning.prepare.benchmark import Destination
from sansa_lightning.prepare.domain_benchmarks import FOLDER, TABLE


def by_diagnosis(root: Path) -> Destination:
    """The destinations of the official archive's images, ``<FOLDER>/<1..3>/<id>.jpg``; other members are left out.

    Raises:
        FileNotFoundError: the table is missing.
        ValueError: it is not the table, or contradicts itself about an image; names the line.
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
    rows = csv.DictReader(read_lines(table, "data/isic/class_id.csv of slei109/PATNet"))
    folders: dict[str, int] = {}
    try:
        if not {"ID", "Class"} <= set(rows.fieldnames or ()):
            found = plain(", ".join(rows.fieldnames or ["nothing"]))
            msg = f"{table}: expected the columns ID and Class, but got {found}"
            raise ValueError(msg)
        for row in rows:
            where = f"{table}, line {rows.line_num}"
            image, number = _entry(where, row)
            if folders.setdefault(image, number) != number:
                known, other = NAMES[folders[image] - 1], NAMES[number - 1]
                msg = f"{where}: expected {plain(image, 60)} to be {known} as above, but got {other}"
                raise ValueError(msg)
    except csv.Error as error:
        msg = f"{table}, line {rows.reader.line_num}: expected a table with commas, but got: {error}"
        raise ValueError(msg) from error
    return folders


def _entry(where: str, row: dict[str, str | None]) -> tuple[str, int]:
    """The image of a row, and the number of its folder; a row that is too short contains None."""
    image, diagnosis = (row["ID"] or "").strip(), str(row["Class"]).replace("_", " ").strip()
    if not image:
        msg = f"{where}: expected an image in the column ID, but got nothing"
        raise ValueError(msg)
    if diagnosis not in NAMES:
        msg = f"{where}: expected one of {', '.join(NAMES)}, but got {brief(diagnosis)}"
        raise ValueError(msg)
    return image, NAMES.index(diagnosis) + 1
