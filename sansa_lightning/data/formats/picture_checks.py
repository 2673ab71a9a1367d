"""Looking at all picture files of a split before a run: which are refused, and what was done about EXIF."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sansa_lightning.data.formats.notes import Note, NoteBook
from sansa_lightning.images.orientation import Turn

TURNED = "pictures turned upright by EXIF"
AS_SIZED = "pictures with an EXIF orientation left as stored, since their annotations have that size"
AS_ASKED = "pictures with an EXIF orientation left as stored, as the option exif says"
MASKS = "masks turned upright by EXIF"
DOUBTFUL = "pictures turned upright by EXIF, perhaps wrongly (see the source's option exif)"
"""Their size does not tell which way up their annotations are, and others have annotations on stored pixels: if these
have too, the option must be "stored"."""


@dataclass(frozen=True, slots=True)
class PictureFiles:
    """The files behind an image.

    Attributes:
        image: the picture.
        size: (H, W) in pixels that its annotations are drawn for; (0, 0) where the mask file has it.
        mask: its mask, where that is a file of its own.
    """

    image: Path
    size: tuple[int, int] = (0, 0)
    mask: Path | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the EXIF orientations of an image and of its mask do; None where there is none.

    Attributes:
        image: of the image.
        mask: of its mask, where that is a file of its own.
    """

    image: Turn | None = None
    mask: Turn | None = None


def check_pictures(pictures: Sequence[PictureFiles], check: Callable[[PictureFiles], Seen]) -> tuple[Note, ...]:
    """Check all pictures.

    Args:
        pictures: each once.
        check: gives what it saw of one, or raises a ValueError or FileNotFoundError that names the file.

    Returns:
        What was done about EXIF orientations.

    Raises:
        FileNotFoundError: the first one that was refused is not there; says how many were refused.
        ValueError: it is broken, or of another size.
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
        raise counted(errors, len(pictures), "pictures cannot be used") from errors[0]
    notes = book.notes()
    return notes + doubtful.notes() if any(note.what == AS_SIZED for note in notes) else notes


def counted(errors: Sequence[ValueError | FileNotFoundError], among: int, what: str) -> ValueError | FileNotFoundError:
    """The first of several errors, with their number if there are more.

    Args:
        errors: at least one.
        among: how many things were looked at.
        what: "pictures cannot be used".
    """
    first = errors[0]
    text = str(first) if len(errors) == 1 else f"{first} (the first; {len(errors)} of {among} {what})"
    return FileNotFoundError(text) if isinstance(first, FileNotFoundError) else ValueError(text)


def _what(turn: Turn) -> str:
    if turn.upright:
        return TURNED
    return AS_SIZED if turn.told else AS_ASKED
