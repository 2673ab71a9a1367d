"""Pickles of every protocol and numpy come back; anything that is not data is refused before it runs."""

from __future__ import annotations

import datetime
import os
import pickle
import pickletools
import resource
import struct
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from sansa_lightning.data.formats.pickles import read_pickle

CONTENT = {
    0: ["train2014/a.jpg", "tr\u00e4in/\u96ea.jpg"],
    "numbers": (1, -(2**70), 2.5, True, None, 1 + 2j),
    "sets": [{1, 2}, frozenset({"x"}), set()],
    "bytes": [b"", b"\x00\xff", bytearray(b"ab")],
    (1, 2): {"nested": [[], {}, ()]},
}
ARRAYS = {
    "mask": np.arange(12, dtype=np.uint8).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(20)[::3],
    "big endian": np.arange(5, dtype=">i4"),
    "bool": np.array([[True, False]]),
    "text": np.array(["ab", "c\u00e4"]),
    "bytes": np.array([b"ab", b"c"]),
    "objects": np.array(["x", 3, None], dtype=object),
    "empty": np.zeros((0, 4), np.float32),
    "none": np.array(3.5),
}
SCALARS = [np.int64(-7), np.float32(0.25), np.bool_(True), np.uint8(255), np.str_("a")]


def write(path: Path, content: object, protocol: int) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def as_numpy_1(content: bytes) -> bytes:
    """The same pickle as numpy 1 writes it: ``numpy.core`` instead of ``numpy._core``."""
    positions = [place for _, _, place in pickletools.genops(content)] + [len(content)]
    parts = []
    for (operation, argument, place), end in zip(pickletools.genops(content), positions[1:], strict=True):
        part = content[place:end]
        if operation.name == "GLOBAL":
            part = part.replace(b"numpy._core", b"numpy.core")
        elif operation.name == "SHORT_BINUNICODE" and argument.startswith("numpy._core"):
            text = argument.replace("numpy._core", "numpy.core").encode()
            part = b"\x8c" + struct.pack("<B", len(text)) + text
        parts.append(b"" if operation.name == "FRAME" else part)
    return b"".join(parts)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_containers_text_and_numbers(tmp_path, protocol):
    assert read_pickle(write(tmp_path / "a.pkl", CONTENT, protocol)) == CONTENT


@pytest.mark.parametrize("numpy_1", [False, True])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_and_scalars(tmp_path, protocol, numpy_1):
    content = pickle.dumps({"arrays": ARRAYS, "scalars": SCALARS}, protocol)
    if numpy_1:
        assert b"numpy._core" in content
        content = as_numpy_1(content)
        assert b"numpy._core" not in content
        assert b"numpy.core" in content
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    found = read_pickle(path)
    plain = pickle.loads(pickle.dumps(ARRAYS, protocol))  # noqa: S301 - numpy itself makes some byte orders native
    for name, array in ARRAYS.items():
        assert isinstance(found["arrays"][name], np.ndarray)
        assert found["arrays"][name].dtype == plain[name].dtype
        np.testing.assert_array_equal(found["arrays"][name], array)
    assert found["scalars"] == SCALARS
    assert [type(scalar) for scalar in found["scalars"]] == [type(scalar) for scalar in SCALARS]


def test_an_object_that_is_met_twice_stays_one(tmp_path):
    shared = [1]
    first, second = read_pickle(write(tmp_path / "a.pkl", [shared, shared], 4))
    assert first is second


class Runs:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_command_is_not_run(tmp_path, protocol):
    marker = tmp_path / "ran"
    path = write(tmp_path / "evil.pkl", {"a": [Runs(f"touch {marker}")]}, protocol)
    with pytest.raises(ValueError, match=r"evil.pkl asks for (posix|nt).system; expected only containers, text"):
        read_pickle(path)
    assert not marker.exists()
    pickle.loads(path.read_bytes())  # noqa: S301 - shows that the file would have done it
    assert marker.exists()


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        (Path("x"), r"pathlib[\w.]*\.\w*Path"),
        (OrderedDict(a=1), "collections.OrderedDict"),
        (datetime.date(2025, 1, 1), "datetime.date"),
        (np.zeros(2, "M8[s]"), r"a numpy array of dtype 'M8'"),
        (np.zeros(2, [("a", "O")]), r"a numpy array of dtype 'V8'"),
        (print, "builtins.print"),
        (getattr, "builtins.getattr"),
    ],
)
def test_other_objects_are_refused_by_name(tmp_path, content, asked):
    with pytest.raises(ValueError, match=rf"a.pkl asks for {asked}; expected only"):
        read_pickle(write(tmp_path / "a.pkl", content, 4))


class Disguised:
    """A dtype that says it is of numbers and whose state says that these are pointers."""

    def __reduce__(self):
        return np.dtype, ("i8",), (3, "<", None, ("a",), {"a": (1, 0)}, 8, 1, 0)


def test_the_state_of_a_dtype_is_not_believed(tmp_path):
    with pytest.raises(ValueError, match=r"a.pkl asks for a structured numpy array"):
        read_pickle(write(tmp_path / "a.pkl", Disguised(), 2))


class Counted:
    """An array of objects whose shape says another number than there are."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def __reduce__(self):
        reconstruct, given, _ = np.array([None], dtype=object).__reduce__()
        return reconstruct, given, (1, self.shape, np.dtype("O"), False, ["a", "b"])


@pytest.mark.parametrize("shape", [(3,), (2, 2), (1,), (0,), (1 << 40,)])
def test_an_array_has_as_many_objects_as_its_shape_says(tmp_path, shape):
    """Numpy itself reads behind the list's end, and the process dies."""
    with pytest.raises(
        ValueError, match=rf"a.pkl cannot be read as a pickle .* array of {np.prod(shape)} objects has 2"
    ):
        read_pickle(write(tmp_path / "a.pkl", Counted(shape), 2))
    assert read_pickle(write(tmp_path / "a.pkl", Counted((2,)), 2)).tolist() == ["a", "b"]


@pytest.mark.parametrize("name", [b"_codecs\nencode", b"numpy\ndtype", b"numpy.core.multiarray\nscalar"])
def test_a_file_cannot_change_the_reader(tmp_path, name):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02c" + name + b"\nN}X\x0c\x00\x00\x00__defaults__K\x01\x85s\x86b.")
    with pytest.raises(ValueError, match=r"a.pkl asks for a change of __defaults__"):
        read_pickle(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        pickle.dumps(CONTENT)[:-9],
        b"\x80\x04cnumpy\ndtype\n.x"[:-5],
        b"\x80\x02cnumpy\nndarray\nK\x05\x85R.",
        b"\x80\x02cnumpy._core.numeric\n_frombuffer\n(C\x01aK\x01K\x01K\x01tR.",
    ],
)
def test_a_broken_file(tmp_path, content):
    path = tmp_path / "broken.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken.pkl cannot be read as a pickle \(truncated\?\): \w+"):
        read_pickle(path)


def test_mutated_files_are_read_or_refused_in_one_line(tmp_path):
    """No other error, whichever bytes are changed."""
    good = pickle.dumps({"content": CONTENT, "arrays": ARRAYS, "scalars": SCALARS}, 4)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(500):
        bad = bytearray(good)
        for place in rng.integers(0, len(bad), 3):
            bad[place] = rng.integers(256)
        path = tmp_path / "mutated.pkl"
        path.write_bytes(bad)
        try:
            read_pickle(path)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017 - reading some of them is fine
            refused += 1
    assert refused > 200


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_a_number_that_asks_for_all_memory(tmp_path):
    """Half a billion objects would take 8 GB."""
    path = tmp_path / "greedy.pkl"
    path.write_bytes(b"\x80\x03]r" + struct.pack("<I", 1 << 29) + b".")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limits = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(ValueError, match=r"greedy.pkl cannot be read as a pickle \(truncated\?\): MemoryError"):
        read_pickle(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # KiB
    assert resource.getrlimit(resource.RLIMIT_AS) == limits


@pytest.mark.parametrize("protocol", [2, 4])
def test_good_files_have_room(tmp_path, protocol):
    """Empty containers take more memory for each byte of the file than anything else."""
    content = [[] for _ in range(100_000)] + [{} for _ in range(100_000)]
    assert len(read_pickle(write(tmp_path / "many.pkl", content, protocol))) == len(content)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.pkl is not there; expected a pickle file"):
        read_pickle(tmp_path / "none.pkl")
