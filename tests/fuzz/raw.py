"""Files with bytes or lines changed, whatever they hold."""

from __future__ import annotations

import pickletools
from collections.abc import Callable

import numpy as np

Rng = np.random.Generator


def flipped(good: bytes, rng: Rng) -> bytes:
    """One to four bits."""
    bad = bytearray(good)
    for place in rng.integers(0, len(bad), rng.integers(1, 5)):
        bad[place] ^= 1 << int(rng.integers(8))
    return bytes(bad)


def overwritten(good: bytes, rng: Rng) -> bytes:
    """A run of noise, zeros or another part of the file, as a bad disk or download leaves it."""
    size = int(rng.integers(1, max(2, len(good) // 4)))
    at, other = (int(place) for place in rng.integers(0, len(good), 2))
    patch = [rng.bytes(size), b"\0" * size, good[other : other + size]][rng.integers(3)]
    return good[:at] + patch + good[at + size :]


def cut(good: bytes, rng: Rng) -> bytes:
    """The beginning, or all but a piece of the middle."""
    first, second = sorted(int(place) for place in rng.integers(0, len(good), 2))
    return good[:second] if rng.random() < 0.5 else good[:first] + good[second:]


def emptied(good: bytes, rng: Rng) -> bytes:
    """Nothing, or white space."""
    return [b"", b"\n", b" \n \n"][rng.integers(3)]


def grown(good: bytes, rng: Rng) -> bytes:
    """The file with something after its end."""
    return good + [b"\0", b"x" * 99, good, rng.bytes(40)][rng.integers(4)]


def other_encoding(good: bytes, rng: Rng) -> bytes:
    """Text in an encoding that is not UTF-8, or with bytes that no text has."""
    at = int(rng.integers(len(good)))
    return [
        b"\xef\xbb\xbf" + good,
        good.decode("latin1").encode("utf-16"),
        good[:at] + b"\xff\xfe\xe4" + good[at:],
        good[:at] + b"\x00" + good[at:],
    ][rng.integers(4)]


def other_lines(good: bytes, rng: Rng) -> bytes:
    """A line of a list dropped, repeated, damaged, or taken from elsewhere."""
    lines = good.split(b"\n")
    at, other = (int(place) for place in rng.integers(0, len(lines), 2))
    damaged = [
        *(lines[at] + b"x", lines[at][:-1], lines[at] * 2, lines[other], b"../../x", b"x" * 5000),
        *(b"2008_000001__99", b"2008_000001__1\xc2\xb2", b"{}", lines[at].replace(b"1", b"2"), b"\ta\tb"),
    ]
    kind = rng.integers(4)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(other, lines[at])
    else:
        lines[at] = damaged[rng.integers(len(damaged))]
    return b"\n".join(lines)


def same_lines(good: bytes, rng: Rng) -> bytes:
    """The same lines as another system ends them."""
    return [good.replace(b"\n", b"\r\n"), good.rstrip(b"\n"), good.rstrip(b"\n") + b"\n"][rng.integers(3)]


def huge_memo(good: bytes, rng: Rng) -> bytes:
    """A pickle that numbers one of its objects by the billion, for which a careless reader makes room."""
    places = [place for operation, _, place in pickletools.genops(good) if operation.name in ("BINPUT", "MEMOIZE")]
    if not places:
        return flipped(good, rng)
    at = places[rng.integers(len(places))]
    width = 2 if good[at : at + 1] == b"q" else 1
    return good[:at] + b"r" + int(rng.integers(2**27, 2**31)).to_bytes(4, "little") + good[at + width :]


BYTES: tuple[Callable[[bytes, Rng], bytes], ...] = (flipped, overwritten, cut, emptied, grown)
"""For any file."""
