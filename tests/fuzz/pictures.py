"""Picture files of another size, mode or kind, with lies in their headers, and the same pictures written otherwise."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image, PngImagePlugin

Rng = np.random.Generator
PNG = b"\x89PNG\r\n\x1a\n"
MODES = ("1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16", "I", "F")


def _open(good: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(good))
    picture.load()
    return picture


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def other_size(good: bytes, rng: Rng) -> bytes:
    """A whole picture of another size."""
    picture = _open(good)
    width, height = (max(1, side + int(rng.integers(-9, 10))) for side in picture.size)
    return _saved(picture.resize((width, height), Image.Resampling.NEAREST), picture.format or "PNG")


def other_mode(good: bytes, rng: Rng) -> bytes:
    """A PNG or TIFF of another mode, whatever the file is called."""
    mode = MODES[rng.integers(len(MODES))]
    picture = _open(good)
    if mode == "I;16":
        return _saved(Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257), "PNG")
    return _saved(picture.convert(mode), "TIFF" if mode in ("CMYK", "F", "I") else "PNG")


def other_kind(good: bytes, rng: Rng) -> bytes:
    """Something that Pillow knows and that is no photograph: some of it runs other programs."""
    picture = _open(good).convert("RGB")
    kind = ("GIF", "EPS", "PPM", "PCX", "ICO", "WEBP")[rng.integers(6)]
    return _saved(picture, kind)


def bomb(good: bytes, rng: Rng) -> bytes:
    """A small file that says it is a huge picture."""
    width, height = (int(side) for side in rng.choice([11_000, 40_000, 65_000], 2))
    if good.startswith(PNG):
        header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        pixels = zlib.compress(b"\0" * 1000)
        return PNG + b"".join(_chunk(*each) for each in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")))
    at = max(good.find(b"\xff\xc0"), good.find(b"\xff\xc2"))
    return good[: at + 5] + struct.pack(">HH", height, width) + good[at + 9 :]


def flipped_pixels(good: bytes, rng: Rng) -> bytes:
    """One bit of what a PNG says about its pixels, or anywhere else past the header."""
    bad = bytearray(good)
    start = good.find(b"IDAT") + 4 if b"IDAT" in good else len(good) // 4
    bad[int(rng.integers(start, len(good)))] ^= 1 << int(rng.integers(8))
    return bytes(bad)


def same_picture(good: bytes, rng: Rng) -> bytes:
    """The same pixels: a PNG packed otherwise and with a remark, a JPEG with one."""
    if not good.startswith(PNG):
        return good[:2] + b"\xff\xfe\x00\x0cfuzz remark"[:14] + good[2:] if good.startswith(b"\xff\xd8") else good
    remark = PngImagePlugin.PngInfo()
    remark.add_text("Comment", "x" * int(rng.integers(1, 99)))
    return _saved(_open(good), "PNG", compress_level=int(rng.integers(0, 10)), pnginfo=remark)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def sound(content: bytes) -> bool:
    """Whether a PNG's checksums are right, by reading its chunks; of anything else nothing can be said."""
    if not content.startswith(PNG):
        return True
    at, pixels, name = len(PNG), b"", b""
    while at + 12 <= len(content) and name != b"IEND":
        (length,) = struct.unpack_from(">I", content, at)
        name, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        if content[at + 8 + length : at + 12 + length] != struct.pack(">I", zlib.crc32(name + body)):
            return False
        pixels += body if name == b"IDAT" else b""
        at += 12 + length
    try:
        zlib.decompress(pixels)
    except zlib.error:
        return False
    return name == b"IEND"
