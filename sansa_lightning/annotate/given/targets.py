"""The pictures to annotate: of folders, list files, COCO files and tar shards, in a fixed order, none opened."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

from PIL import Image

from sansa_lightning.annotate.given.told import tell
from sansa_lightning.annotate.inputs import as_picture
from sansa_lightning.data.formats.annotations.entry_ids import whole
from sansa_lightning.data.formats.annotations.json_file import AnnotationFile
from sansa_lightning.data.formats.annotations.run_lengths import is_size
from sansa_lightning.data.formats.notes import NoteBook
from sansa_lightning.data.formats.picture_files import below
from sansa_lightning.data.formats.text_lists import read_lines
from sansa_lightning.data.sources.folder import ENDINGS
from sansa_lightning.files.messages import brief, plain
from sansa_lightning.images.orientation import Exif
from sansa_lightning.images.pictures import InMemory

EXPECTED = "a folder, a list of paths (.txt), a file in COCO's format (.json) or tar shards (.tar)"


LINK = "links to a folder, not followed"
DOTS = "pictures of shards left out, with a further dot in the ending"


@dataclass(frozen=True, slots=True)
class Target:
    """A picture that is to be annotated.

    Attributes:
        name: in the results: below the folder, as listed, or ``<shard>/<member>``.
        path: of its file, or of the shard.
        place: offset and number of bytes in the shard; None for a file.
        image_id: in the results: of a COCO file its own, else the number of the picture, from 1 on.
        size: (H, W) of the picture that has this id; None where no file tells.
    """

    name: str
    path: Path
    place: tuple[int, int] | None = None
    image_id: int | None = None
    size: tuple[int, int] | None = None

    def picture(self, exif: Exif) -> Image.Image:
        """The picture in RGB, turned as in a file of annotations with this size; see ``inputs.as_picture``.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is no whole picture.
        """
        return as_picture(self.file(), self.size, exif)

    def file(self) -> Path | InMemory:
        """What ``inputs.as_picture`` reads."""
        if self.place is None:
            return self.path
        offset, size = self.place
        with self.path.open("rb") as shard:
            shard.seek(offset)
            return InMemory(f"{self.path}: {self.name.rpartition('/')[2]}", shard.read(size))


def find_targets(given: Sequence[Path], root: Path | None) -> list[Target]:
    """The pictures of several folders and files, in their order.

    Args:
        given: see ``EXPECTED``; shards are ordered as given.
        root: folder of the pictures that lists and COCO files name; that of the list itself if None.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another kind of file, no pictures, or two of one name.
    """
    book = NoteBook()
    found = [target for path in given for target in _in(path, root, book)]
    tell(book)
    if not found:
        msg = f"--images: expected pictures ({', '.join(ENDINGS)}), but there are none in {', '.join(map(str, given))}"
        raise ValueError(msg)
    found = [
        replace(target, image_id=number) if target.image_id is None else target
        for number, target in enumerate(found, 1)
    ]
    _check_different("names", [target.name for target in found])
    _check_different("ids (those without one are numbered)", [target.image_id for target in found])
    return found


def _check_different(what: str, values: Sequence[object]) -> None:
    value, times = next(iter(Counter(values).most_common(1)), (None, 0))
    if times > 1:
        msg = f"--images: expected pictures of different {what}, but {times} have {brief(value)}"
        raise ValueError(msg)


def fingerprint(targets: Sequence[Target]) -> str:
    """A digest by which the same pictures are known again: their names, ids, files, and when these were written."""

    @cache
    def written(path: Path) -> tuple[str, int, int]:
        try:
            found = path.stat()
        except OSError:  # it is skipped, or will be when it is read
            return str(path.absolute()), -1, -1
        return str(path.resolve()), found.st_size, found.st_mtime_ns

    digest = hashlib.sha256()
    for each in targets:
        digest.update(json.dumps([each.name, each.image_id, each.place, each.size, written(each.path)]).encode())
    return digest.hexdigest()


def _in(path: Path, root: Path | None, book: NoteBook) -> Iterator[Target]:
    if path.is_dir():
        return _of_folder(path, book)
    if not path.exists():
        msg = f"--images: {path} is not there; expected {EXPECTED}"
        raise FileNotFoundError(msg)
    kinds = {".txt": _of_list, ".json": _of_coco}
    if path.suffix == ".tar":
        return _of_shard(path, book)
    if path.suffix not in kinds:
        msg = f"--images: expected {EXPECTED}, but got {path}"
        raise ValueError(msg)
    return kinds[path.suffix](path, path.parent if root is None else root)


def _of_folder(folder: Path, book: NoteBook) -> Iterator[Target]:
    """All pictures below a folder, by name; hidden files and folders are left out, and links that lead to folders.

    A link that leads nowhere is a picture: reading it says what is wrong.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue
        link = path.is_symlink()
        if link and path.is_dir():
            book.add(LINK, str(path))
        elif path.suffix.lower() in ENDINGS and (path.is_file() or (link and not path.exists())):
            yield Target(name.as_posix(), path)


def _of_list(path: Path, root: Path) -> Iterator[Target]:
    """A path on each line, absolute or below ``root``."""
    for line in read_lines(path, "a list of pictures, a path on each line"):
        if name := line.strip():
            yield Target(PurePosixPath(name).as_posix(), root / name)


def _of_coco(path: Path, root: Path) -> Iterator[Target]:
    """The images of a file in COCO's format, with or without annotations."""
    for number, entry in enumerate(AnnotationFile(path, "a file in COCO's format").listed("images")):
        where = f"{path}, image {number}"
        image_id = entry.get("id") if isinstance(entry, dict) else None
        if type(image_id) is not int:
            msg = f"{where}: expected an object with a whole number as id, but got {brief(entry)}"
            raise ValueError(msg)
        name = below(where, entry.get("file_name"))
        height, width = whole(entry.get("height")), whole(entry.get("width"))
        size = (height, width) if height is not None and width is not None and is_size(height, width) else None
        yield Target(name, root / name, image_id=image_id, size=size)


def _of_shard(path: Path, book: NoteBook) -> Iterator[Target]:
    """The pictures of a tar file in webdataset's naming, ``<key>.<ending>``; read later by their place in it.

    Raises:
        ValueError: it is no tar file or a compressed one, or a picture's name leads out of it or is a link.
    """
    name = ""
    try:
        with tarfile.open(path, "r:") as shard:
            for member in shard:
                shard.members = []  # type: ignore[attr-defined]  # tarfile keeps them all: millions need memory
                name = member.name
                # The ending begins at the first dot: "7.mask.png" goes with "7.jpg", and is no picture to annotate.
                ending = name.rpartition("/")[2].partition(".")[2].lower()
                if f".{ending}" in ENDINGS:
                    yield _member(path, member)
                elif member.isreg() and PurePosixPath(name).suffix.lower() in ENDINGS:
                    book.add(DOTS, f"{path}: {name}")
            _check_end(path, shard.offset)
    except tarfile.TarError as error:
        told = f"; it is damaged or cut in or after {brief(name)}" if name else ""
        msg = f"{path}: expected an uncompressed tar file, but it cannot be read as one: {plain(str(error))}{told}"
        raise ValueError(msg) from error


def _member(path: Path, member: tarfile.TarInfo) -> Target:
    name = below(f"{path}", member.name)
    if not member.isreg() or member.issparse():
        msg = f"{path}: expected {brief(member.name)} to be a plain file, but it is a link or a device"
        raise ValueError(msg)
    return Target(f"{path.name}/{name}", path, (member.offset_data, member.size))


def _check_end(path: Path, end: int) -> None:
    """Check that a tar file ends where tarfile stops to read, which says nothing of a damaged header.

    Raises:
        tarfile.ReadError: it does not end with two blocks of zeros, or something follows them.
    """
    with path.open("rb") as file:
        file.seek(end)
        rest = file.read(2 * tarfile.BLOCKSIZE)
        whole = len(rest) == 2 * tarfile.BLOCKSIZE
        while rest and not rest.strip(b"\0"):
            rest = file.read(2**20)
    if rest or not whole:
        msg = f"expected the end of the file, two blocks of zeros, at byte {end}"
        raise tarfile.ReadError(msg)
