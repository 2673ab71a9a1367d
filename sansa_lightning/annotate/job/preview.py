"""A page of the pictures whose masks are least certain, for a person who corrects them: one file, no scripts."""

from __future__ import annotations

import base64
import heapq
import io
from collections.abc import Sequence
from pathlib import Path

import torch

from sansa_lightning.annotate.given.targets import Target
from sansa_lightning.annotate.job.entries import mask_of
from sansa_lightning.annotate.job.index_maps import colour
from sansa_lightning.annotate.job.journal import Line, Record
from sansa_lightning.annotate.job.results import images_of
from sansa_lightning.figures.overlays import outlined
from sansa_lightning.files.whole import write_text
from sansa_lightning.images.orientation import Exif
from sansa_lightning.images.pictures import resize_mask

SIDE = 320
"""Pixels of the longer side of a picture on the page."""

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>annotate: least certain first</title>
<style>
body { font: 15px/1.4 sans-serif; margin: 2em; color: #222; background: #fff }
main { display: flex; flex-wrap: wrap; gap: 1.2em }
figure { margin: 0; width: {{ side }}px }
figcaption { font-size: 13px; overflow-wrap: anywhere }
.class { white-space: nowrap; margin-right: .8em }
.class i { display: inline-block; width: .8em; height: .8em; margin-right: .3em }
</style>
<h1>Least certain first</h1>
<p>{{ shown | length }} of {{ total }} pictures, by the lowest {{ what }} among their objects; pictures without any
object come last.</p>
<main>
{% for each in shown %}<figure>
{% if each.jpeg %}<img src="data:image/jpeg;base64,{{ each.jpeg }}" alt="{{ each.name }}">
{% else %}<p>This picture cannot be read any more.</p>
{% endif %}<figcaption>{{ each.name }}<br>
{% for one in each.classes %}<span class="class"><i style="background: {{ one.colour }}"></i>{{ one.name }}
{{ "%.2f" | format(one.score) }}</span>
{% endfor %}</figcaption></figure>
{% endfor %}</main>
</html>
"""


def write_preview(
    path: Path, record: Record, targets: Sequence[Target], names: Sequence[str], exif: Exif, most: int
) -> None:
    """Write the page, whole.

    Args:
        path: of the page.
        record: of the finished job.
        targets: all its pictures, which are read again.
        names: of the classes.
        exif: as the pictures were read.
        most: pictures on the page.
    """
    from jinja2 import Environment

    total = sum(1 for _ in images_of(record))
    chosen = heapq.nsmallest(most, images_of(record), key=lambda image: (certainty(image), image["target"]))
    template = Environment(autoescape=True).from_string(PAGE)
    what = "presence" if any("presence" in each for image in chosen for each in image["found"]) else "predicted IoU"
    shown = [_shown(image, targets[image["target"]], names, exif) for image in chosen]
    write_text(path, template.render(shown=shown, total=total, side=SIDE, what=what))


def certainty(image: Line) -> float:
    """The lowest score among the objects of a picture, of presence where there is one; 2 without objects."""
    return min((_score(each) for each in image["found"]), default=2.0)


def _score(entry: Line) -> float:
    return float(entry["presence"] if "presence" in entry else entry["score"])


def _shown(image: Line, target: Target, names: Sequence[str], exif: Exif) -> Line:
    """What the page says of a picture."""
    scores: dict[int, float] = {}
    for each in image["found"]:
        scores[each["class"]] = min(_score(each), scores.get(each["class"], 1.0))
    classes = [
        {"name": names[number], "score": score, "colour": "#{:02x}{:02x}{:02x}".format(*colour(number + 1))}
        for number, score in sorted(scores.items(), key=lambda item: item[1])
    ]
    try:
        jpeg = _jpeg(image, target, exif)
    except (ValueError, OSError):  # it was changed or removed after it was annotated
        jpeg = ""
    return {"name": _printed(image["name"]), "classes": classes, "jpeg": jpeg}


def _printed(name: str) -> str:
    """A name of a file whose bytes may be no UTF-8, with replacement characters for those."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _jpeg(image: Line, target: Target, exif: Exif) -> str:
    """The picture with its objects, small, as base64."""
    import numpy as np
    from PIL import Image

    picture = target.picture(exif)
    picture.thumbnail((SIDE, SIDE))
    pixels = torch.from_numpy(np.array(picture))
    for each in sorted(image["found"], key=lambda each: -each["area"]):
        mask = resize_mask(mask_of(each["segmentation"], tuple(image["size"])), (picture.height, picture.width)) == 1
        pixels = outlined(pixels, mask, colour(each["class"] + 1))
    content = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(content, "JPEG", quality=85)
    return base64.b64encode(content.getvalue()).decode("ascii")
