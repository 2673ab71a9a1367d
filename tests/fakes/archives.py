"""Archives as publishers make them, and as nobody should."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path


def zipped(members: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    """A zip file; ``links`` are symbolic links to their value."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
        for name, aim in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            file.writestr(info, aim)
    return content.getvalue()


def tarred(members: Mapping[str, bytes], links: Mapping[str, str] | None = None, mode: str = "w:gz") -> bytes:
    """A tar file; ``links`` are symbolic links, or hard ones if the value begins with ``=``."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as file:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
        for name, aim in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type = tarfile.LNKTYPE if aim.startswith("=") else tarfile.SYMTYPE
            info.linkname = aim.removeprefix("=")
            file.addfile(info)
    return content.getvalue()


def files_in(root: Path) -> dict[str, bytes]:
    """Path below ``root`` -> content, of all files."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def pack(root: Path, prefix: str = "", below: str = "") -> dict[str, bytes]:
    """The files below ``root/below``, under the name ``prefix`` + their path below ``root``."""
    return {f"{prefix}{path}": data for path, data in files_in(root).items() if path.startswith(below)}
