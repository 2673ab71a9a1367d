"""The files of a finished job, from its journal: COCO's JSON and the pictures that were skipped, each written whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from sansa_lightning.annotate.job.journal import Line, Record
from sansa_lightning.files.whole import replacing, write_text


@dataclass(frozen=True)
class Counts:
    """What a job found.

    Attributes:
        images: pictures that were annotated.
        objects: in them.
        skipped: pictures that could not be read.
    """

    images: int
    objects: int
    skipped: int


def skipped_file(out: Path) -> Path:
    """The file that lists the pictures that were skipped."""
    return out.with_name(f"{out.stem}.skipped.jsonl")


def write_results(out: Path, record: Record, categories: Mapping[str, int]) -> Counts:
    """Write the annotations, and a line for each skipped picture if there are any.

    Images have ids from 1 on, or those of the COCO file that named them; the file depends on the journal alone.

    Args:
        out: the JSON file.
        record: of all groups.
        categories: ids by name, in the order of the classes' numbers.
    """
    ids = list(categories.values())
    listed = [{"id": number, "name": name, "supercategory": ""} for name, number in categories.items()]
    with replacing(out) as partial, partial.open("w", encoding="utf-8") as file:
        file.write('{"info": {"description": "predicted by sansa_lightning"},\n"licenses": [],\n"categories": ')
        file.write(json.dumps(listed) + ",\n")
        images = _write_list(file, "images", (_image(each) for each in images_of(record)))
        file.write(",\n")
        objects = _write_list(file, "annotations", _annotations(record, ids))
        file.write("}\n")
    bad = [json.dumps({"file_name": each["name"], "why": each["error"]}) + "\n" for each in skipped(record)]
    if bad:
        write_text(skipped_file(out), "".join(bad))
    else:
        skipped_file(out).unlink(missing_ok=True)  # of an earlier job
    return Counts(images, objects, len(bad))


def images_of(record: Record) -> Iterator[Line]:
    """The entries of the pictures that were annotated."""
    return (each for line in record.lines() for each in line["images"] if "error" not in each)


def skipped(record: Record) -> Iterator[Line]:
    """The entries of the others."""
    return (each for line in record.lines() for each in line["images"] if "error" in each)


def _image(entry: Line) -> dict[str, Any]:
    height, width = entry["size"]
    return {"id": entry["id"], "file_name": entry["name"], "width": width, "height": height}


def _annotations(record: Record, ids: list[int]) -> Iterator[dict[str, Any]]:
    number = 0
    for image in images_of(record):
        for each in image["found"]:
            number += 1
            rest = {key: value for key, value in each.items() if key != "class"}
            category = ids[each["class"]]
            yield {"id": number, "image_id": image["id"], "category_id": category, "iscrowd": 0, **rest}


def _write_list(file: TextIO, name: str, entries: Iterator[dict[str, Any]]) -> int:
    """Write a list, an entry a line; returns their number."""
    file.write(f'"{name}": [')
    count = 0
    for count, entry in enumerate(entries, 1):
        file.write((",\n" if count > 1 else "\n") + json.dumps(entry))
    file.write("]")
    return count
