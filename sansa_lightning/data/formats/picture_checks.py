"""A look at all picture files of a split before a run: refusals, and the effects of EXIF."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sansa_lightning.data.formats.notes import Note, NoteBook
from sansa_lightning.images.orientation import Turn

TURNED = "pictures turned upright by EXIF"
AS_SIZED = "pictures with an EXIF orientation left as stored, since the annotations have that size"
AS_ASKED = "pictures with an EXIF orientation left as stored, as the option exif says"
MASKS = "masks turned upright by EXIF"
DOUBTFUL = "pictures turned upright by EXIF, perhaps wrongly (see the source's option exif)"
"""The size does not show which way up they were annotated, while others were annotated on stored pixels: if these were
too, the option must be "stored"."""


@dataclass(frozen=True, slots=True)
class PictureFiles:
    """The files behind an image.

    Attributes:
        image: the picture.
        size: (H, W) of the annotated picture, in pixels; (0, 0) if the mask file has it.
        mask: its mask, if that is a separate file.
    """

    image: Path
    size: tuple[int, int] = (0, 0)
    mask: Path | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The effects of the EXIF orientations of an image and its mask; None without an orientation.

    Attributes:
        image: of the image.
        mask: of its mask, if that is a separate file.
    """

    image: Turn | None = None
    mask: Turn | None = None


def check_pictures(pictures: Sequence[PictureFiles], check: Callable[[PictureFiles], Seen]) -> tuple[Note, ...]:
    """Check all pictures.

    Args:
        pictures: each once.
        check: looks at one, or raises a ValueError or FileNotFoundError that names the file.

    Returns:
        Notes on EXIF orientations.

    Raises:
        FileNotFoundError: the first refused one is missing; says how many were refused.
        ValueError: it is broken, or has another size.
    """
    errors: list[ValueError | FileNotFoundError] = []
    book, doubtful = NoteBook(), NoteBook()
    for files in pictures:
        try:
            seen = check(files)
        except (ValueError, FileNotFoundError) as error:
            errors.append(error)
            continue
        if seen.image is not None:
            book.add(_what(seen.image), str(files.image))
            if seen.image.upright and not seen.image.told:
                doubtful.add(DOUBTFUL, str(files.image))
        if seen.mask is not None and seen.mask.upright:
            book.add(MASKS, str(files.mask))
    if errors:
        raise first_of(errors, len(pictures), "pictures cannot be used") from errors[0]
    notes = book.notes()
    return notes + doubtful.notes() if any(note.what == AS_SIZED for note in notes) else notes


def first_of(errors: Sequence[ValueError | FileNotFoundError], among: int, what: str) -> ValueError | FileNotFoundError:
    """The first of several errors, with their number if there are more.

    Args:
        errors: at least one.
        among: the number of things looked at.
        what: the fault in the plural: "pictures cannot be used".
    """
    first = errors[0]
    text = str(first) if len(errors) == 1 else f"{first} (the first; {len(errors)} of {among} {what})"
    return FileNotFoundError(text) if isinstance(first, FileNotFoundError) else ValueError(text)


def _what(turn: Turn) -> str:
    if turn.upright:
        return TURNED
    return AS_SIZED if turn.told else AS_ASKED
