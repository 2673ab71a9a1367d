"""Unpack zip and tar archives: only needed members, only below the root, only as many bytes as expected."""

from __future__ import annotations

import gzip
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from sansa_lightning.files.whole import PARTIAL
from sansa_lightning.prepare.benchmark import Destination
from sansa_lightning.prepare.progress import bytes_text, progress

_BLOCK = 1 << 20
# Errors of the readers for broken archives, beside OSError; RuntimeError for encrypted ones.
_BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, lzma.LZMAError),
    *(EOFError, NotImplementedError, RuntimeError),
)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive; folders are left out.

    Attributes:
        name: as written in the archive.
        size: bytes, as declared there.
        regular: False for links, devices and the like.
        entry: the reader's own handle.
    """

    name: str
    size: int
    regular: bool
    entry: Any


class _Reader(Protocol):
    def members(self) -> list[Member]: ...

    def open(self, member: Member) -> IO[bytes]: ...


class _Zip:
    def __init__(self, file: zipfile.ZipFile) -> None:
        self.file = file

    def members(self) -> list[Member]:
        return [
            Member(info.filename, info.file_size, _regular(info), info)
            for info in self.file.infolist()
            if not info.is_dir()
        ]

    def open(self, member: Member) -> IO[bytes]:
        return self.file.open(member.entry)


class _Tar:
    def __init__(self, file: tarfile.TarFile) -> None:
        self.file = file

    def members(self) -> list[Member]:
        return [Member(info.name, info.size, info.isreg(), info) for info in self.file if not info.isdir()]

    def open(self, member: Member) -> IO[bytes]:
        content = self.file.extractfile(member.entry)
        assert content is not None  # noqa: S101 - it is a regular file
        return content


def unpack(archive: Path, root: Path, destination: Destination, most: int) -> dict[str, int]:
    """Unpack the needed members; files that exist with the right size are left alone.

    Each file is written whole or not at all. Links are never made. All names and sizes are checked before the first
    file is written.

    Args:
        archive: a zip or tar file, compressed or not.
        root: the folder for all files.
        destination: from a member's name to its path below ``root``, None for one that is not needed.
        most: largest number of bytes of all needed members.

    Returns:
        Path below ``root`` -> bytes, of all needed members.

    Raises:
        ValueError: not such an archive, broken or encrypted, a member's name leads out of the root, a needed member is
            a link or another special file, or they are too large. Names the archive.
    """
    try:
        with _opened(archive) as reader:
            chosen = _chosen(archive, reader.members(), destination)
            total = sum(member.size for member in chosen.values())
            if total > most:
                msg = f"{archive}: expected at most {bytes_text(most)} in it, but it declares {bytes_text(total)}"
                raise ValueError(msg)
            with progress(f"unpacking {archive.name}", total) as bar:
                for path, member in chosen.items():
                    _write(reader, member, root / path, archive)
                    bar.update(member.size)
    except _BROKEN as error:
        msg = f"{archive} cannot be unpacked (truncated?): {error}"
        raise ValueError(msg) from error
    return {path: member.size for path, member in chosen.items()}


@contextmanager
def _opened(archive: Path) -> Iterator[_Reader]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield _Zip(zipped)
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tarred:
            yield _Tar(tarred)
    else:
        msg = f"{archive}: expected a zip or tar archive, but it is neither (truncated?)"
        raise ValueError(msg)


def _chosen(archive: Path, members: list[Member], destination: Destination) -> dict[str, Member]:
    """Path below the root -> member, for the needed members."""
    chosen: dict[str, Member] = {}
    for member in members:
        if not _harmless(member.name):
            msg = f"{archive}: the member {member.name[:80]!r} leads out of the folder; expected relative names only"
            raise ValueError(msg)
        path = destination(member.name)
        if path is None:
            continue
        if not member.regular or not _harmless(path):
            msg = f"{archive}: expected {member.name[:80]!r} to be a plain file, but it is a link or a device"
            raise ValueError(msg)
        other = chosen.setdefault(path, member)  # some archives contain everything twice
        if other.size != member.size:
            msg = f"{archive}: {other.name!r} and {member.name!r} differ, but both would be {path}"
            raise ValueError(msg)
    if not chosen:
        msg = f"{archive}: none of its {len(members)} files is needed; is it the right archive?"
        raise ValueError(msg)
    return chosen


def _harmless(name: str) -> bool:
    """Whether a relative name stays below its folder, on any system."""
    parts = re.split(r"[/\\]", name)
    return bool(parts[0]) and ".." not in parts and not re.match(r"[A-Za-z]:", name) and "\0" not in name


def _regular(info: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(info.external_attr >> 16)  # 0 if the archive was not made on Unix
    return kind in (0, stat.S_IFREG)


def _write(reader: _Reader, member: Member, path: Path, archive: Path) -> None:
    if path.is_file() and path.stat().st_size == member.size:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        with reader.open(member) as content, partial.open("wb") as file:
            shutil.copyfileobj(content, file, _BLOCK)
        if partial.stat().st_size != member.size:
            msg = f"{archive}: expected {member.size} bytes of {member.name!r}, but got {partial.stat().st_size}"
            raise ValueError(msg)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
