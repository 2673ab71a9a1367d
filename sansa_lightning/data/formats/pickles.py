"""Read published pickles as data: plain containers, text, numbers and numpy arrays, and no code."""

from __future__ import annotations

import math
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sansa_lightning.files.messages import plain

# Booleans, numbers, text and objects. No structured dtypes: the file sets their state, and false fields make numpy
# follow pointers of the file's choice.
_PLAIN_DTYPE = re.compile(r"[<>|=]?(?:b1|[iufc]\d{1,2}|[SU]\d+|O8?)")
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_BUILTINS = ("builtins", "__builtin__")

ROOM, ROOM_PER_BYTE = 1 << 28, 64
"""Bytes that reading may use, and the number added for each byte of the file: an empty list, 2 bytes, takes 72."""


def read_pickle(path: Path) -> Any:
    """The content of a pickle file of any protocol, written by any Python and numpy.

    Allowed are list, tuple, dict, set, frozenset, str, bytes, bytearray, int, float, complex, bool, None, and numpy
    arrays and scalars of booleans, numbers, text or such objects.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is broken, or asks for anything else; names the file and what it asked for.
    """
    if not path.is_file():
        msg = f"{path} is not there; expected a pickle file"
        raise FileNotFoundError(msg)
    with path.open("rb") as file, _limited_memory(path.stat().st_size):
        try:
            return _DataUnpickler(file, encoding="latin1").load()
        except _RefusedError as error:
            msg = f"{path} asks for {plain(str(error))}; expected only containers, text, numbers and numpy arrays"
            raise ValueError(msg) from error
        except Exception as error:  # broken pickles raise nearly anything
            reason = f"{type(error).__name__}: {plain(str(error))}"
            msg = f"{path} cannot be read as a pickle (truncated?): {reason}"
            raise ValueError(msg) from error


@contextmanager
def _limited_memory(size: int) -> Iterator[None]:
    """Limit memory to the needs of a file of ``size`` bytes: a single wrong bit can ask for all memory.

    A pickle numbers its objects, and CPython makes room up to the highest number (its issue 115952).
    """
    if sys.platform != "linux":
        yield
        return
    import resource

    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = held + ROOM + ROOM_PER_BYTE * size
    resource.setrlimit(resource.RLIMIT_AS, (wanted if soft == resource.RLIM_INFINITY else min(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class _RefusedError(Exception):
    """Content that is not data; the text names it."""


class _DataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            what = f"{module}.{name}"
            raise _RefusedError(what) from None


class _Dtype:
    """A stand-in for a dtype, so that the file never sets the state of a real one."""

    def __init__(self, code: str, *_: Any) -> None:
        if not isinstance(code, str) or not _PLAIN_DTYPE.fullmatch(code):
            what = f"a numpy array of dtype {code!r}"
            raise _RefusedError(what)
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if any(part is not None for part in state[2:5]):
            what = "a structured numpy array"
            raise _RefusedError(what)
        if state[1] == ">":
            self.dtype = self.dtype.newbyteorder(">")


class _Array(np.ndarray[Any, np.dtype[Any]]):
    """An array that takes its dtype from :class:`_Dtype`."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        version, shape, kind, is_fortran, content = state
        # Numpy does not count the objects of the list, and reads past its end.
        if isinstance(content, list) and len(content) != math.prod(shape):
            msg = f"an array of {math.prod(shape)} objects has {len(content)}"
            raise ValueError(msg)
        super().__setstate__((version, shape, _real(kind), is_fortran, content))


def _real(kind: Any) -> np.dtype[Any]:
    if not isinstance(kind, _Dtype):
        msg = f"expected a dtype, but got {type(kind).__name__}"
        raise TypeError(msg)
    return kind.dtype


def _reconstruct(*_: Any) -> _Array:
    return _Array((0,), np.uint8)


def _frombuffer(buffer: bytes, kind: _Dtype, shape: tuple[int, ...], order: str) -> Any:
    """The form of contiguous arrays since protocol 5."""
    return np.frombuffer(buffer, _real(kind)).reshape(shape, order="F" if order == "F" else "C")


def _scalar(kind: _Dtype, content: bytes | str) -> Any:
    raw = content.encode("latin1") if isinstance(content, str) else content
    (value,) = np.frombuffer(raw, _real(kind))
    return value


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """The form of bytes in protocol 2."""
    if encoding not in ("latin1", "latin-1"):
        what = f"text in the encoding {encoding!r}"
        raise _RefusedError(what)
    return text.encode("latin1")


class _Call:
    """A function of ours that a file can call but not change; the operation BUILD could set its attributes."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __setattr__(self, name: str, value: object) -> None:
        what = f"a change of {name}"
        raise _RefusedError(what)

    def __call__(self, *given: Any) -> Any:
        return self._function(*given)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "ndarray",  # only ever an argument of _reconstruct, which does not look at it
    ("numpy", "dtype"): _Call(_Dtype),
    ("_codecs", "encode"): _Call(_encode),
    **{(module, "_reconstruct"): _Call(_reconstruct) for module in _MULTIARRAY},
    **{(module, "scalar"): _Call(_scalar) for module in _MULTIARRAY},
    **{(module, "_frombuffer"): _Call(_frombuffer) for module in _NUMERIC},
    **{
        (module, kind.__name__): kind
        for module in _BUILTINS
        for kind in (list, tuple, dict, set, frozenset, bytes, bytearray, complex)
    },
}
