"""Reading JSON in pieces, against the standard library's reading of the whole."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sansa_lightning.data.formats.annotations import json_stream
from sansa_lightning.data.formats.annotations.json_stream import json_members

SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(max_size=6)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


def read(path: Path) -> list[tuple[str, Any]]:
    return [(key, value if key != "long" or isinstance(value, list) else kept(value)) for key, value in members(path)]


def members(path: Path) -> Any:
    return json_members(path, "long")


def kept(value: Any) -> Any:
    return list(value) if hasattr(value, "__next__") else value


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "a.json"


@pytest.mark.slow
@pytest.mark.parametrize("piece", [1, 7, 64])
@given(before=VALUES, long=st.lists(VALUES, max_size=6), after=VALUES, indent=st.sampled_from([None, 1]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_members_are_those_of_the_standard_library(tmp_path, piece, before, long, after, indent):
    path = tmp_path / "a.json"
    content = {"before": before, "long": long, "after": after}
    path.write_text(f" {json.dumps(content, indent=indent, ensure_ascii=False)}\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHUNK", piece)
        assert read(path) == list(content.items())


def test_numbers_that_two_pieces_share(path, monkeypatch):
    monkeypatch.setattr(json_stream, "CHUNK", 1)
    path.write_text('{"a": 12.75, "long": [1.5e3, -0.25, 10, true], "b": 7}')
    assert read(path) == [("a", 12.75), ("long", [1500.0, -0.25, 10, True]), ("b", 7)]


def test_a_list_nobody_looks_at_is_stepped_over(path):
    path.write_text('{"long": [{"x": 1}, {"x": 2}], "b": 7}')
    assert [key for key, _ in members(path)] == ["long", "b"]


def test_what_should_be_a_list_and_is_not(path):
    path.write_text('{"long": {"x": 1}}')
    assert read(path) == [("long", {"x": 1})]


@pytest.mark.parametrize("text", ["[1, 2]", "5", '"x"', "null"])
def test_no_object_has_no_members(path, text):
    path.write_text(text)
    assert read(path) == []


BROKEN = {
    "": "Expecting value at character 0",
    "{": "Expecting value at character 1",
    '{"a"': "expected ':' at character 4",
    '{"a": }': "Expecting value at character 6",
    '{"a": 1 "b": 2}': "expected ',' at character 8",
    '{"a": 1,}': "Expecting value at character 8",
    '{"a": 1': "expected ',' at character 7",
    "{5: 1}": "expected a key in quotes at character",
    '{"long": [{"x": 1}, {"x": ': "Expecting value at character 26",
    '{"long": [{"x": 1} {"x": 2}]}': "expected ',' at character 19",
    '{"a": 1} x': "extra data at character 9",
    '{"a": "\x01"}': "Invalid control character at at character 7",
}


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_not_json(path, text, monkeypatch):
    path.write_text(text)
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    for piece in (1, 1 << 20):
        monkeypatch.setattr(json_stream, "CHUNK", piece)
        with pytest.raises(ValueError, match=re.escape(BROKEN[text])):
            read(path)


def test_what_is_not_utf8(path):
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ValueError, match="utf-8"):
        read(path)


def test_nesting_without_end(path):
    path.write_text('{"long": [' + "[" * 200_000)
    with pytest.raises((RecursionError, ValueError)):
        read(path)


def test_a_long_list_is_not_held(path, monkeypatch):
    """What is in memory is a few entries, not the file."""
    import tracemalloc

    entry = {"x": list(range(100))}
    with path.open("w") as file:
        file.write('{"long": [')
        file.writelines(f"{json.dumps(entry)}," for _ in range(5_000))
        file.write("0]}")
    monkeypatch.setattr(json_stream, "CHUNK", 1 << 17)
    assert path.stat().st_size > 15 * json_stream.CHUNK
    tracemalloc.start()
    number = sum(1 for _, value in members(path) for _ in value)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert number == 5_001
    assert peak < 8 * json_stream.CHUNK
