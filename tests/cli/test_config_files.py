"""Configuration files are read strictly before the parser sees them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from launches import call, refusal
from sansa_lightning.cli.config_files import Document, documents
from sansa_lightning.cli.yaml_files import read_yaml

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


def written(folder: Path, text: str) -> Path:
    path = folder / "some.yaml"
    path.write_text(text)
    return path


def test_a_mapping_is_read_as_it_is(tmp_path):
    text = "\ufeffbase: &b {size: 96, seed: [1, 2]}\ndata: *b\nmore: {<<: *b, size: 64}\n"
    shared = {"size": 96, "seed": [1, 2]}
    assert read_yaml(written(tmp_path, text)) == {"base": shared, "data": shared, "more": {**shared, "size": 64}}
    assert read_yaml(written(tmp_path, "# nothing\n")) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data:\n  size: [1,\n", r"some\.yaml, line 3, column 1: not valid YAML"),
        ("- 1\n", r"some\.yaml: expected a mapping of options at its top, but got a list"),
        ("data:\n  size: 1\n  seed: 2\n  size: 3\n", r"line 4: the key 'size' occurs twice"),
        ("data: {size: 1}\nmodel: {}\ndata: {size: 2}\n", r"line 3: the key 'data' occurs twice"),
        ("[a, b]: 1\ndata: {{a: b}: 1, a: 2, a: 3}\n", r"line 2: the key 'a' occurs twice"),
        ("a: " + "[" * 3000 + "]" * 3000, r"line 1: nested more than 50 levels deep"),
        ("\n".join(" " * level + f"k{level}:" for level in range(200)), r"line \d+: nested more than 50 levels deep"),
        (BOMB, r"line 5: more than 10000 entries"),
        ("a: &a [1, *a]\n", r"line 1: \*a is inside the value that it repeats"),
        ("a: [*b]\n", r"not valid YAML"),
        ('data:\n  source: "a\\0b.yaml"\n', r"line 2: 'a\\x00b\.yaml' has a null byte; expected text without one"),
        ('"a\\0b": 1\n', r"line 1: 'a\\x00b' has a null byte"),
        ("x: 1\n" * 1 + "".join(f"k{number}: 1\n" for number in range(20_000)), r"more than 10000 entries"),
        ("a: '" + "x" * (5 << 20) + "'", r"expected at most 4 MiB, but it has 5\.0"),
    ],
)
def test_what_cannot_be_a_configuration_is_refused_at_once(text, message, tmp_path):
    path = written(tmp_path, text)
    began = time.perf_counter()
    with pytest.raises(ValueError, match=message) as caught:
        read_yaml(path)
    assert time.perf_counter() - began < 20
    assert len(str(caught.value)) < 300 + len(str(path))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "some.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"some\.yaml.*not valid YAML"):
        read_yaml(path)


def read(*pairs: tuple[str, str]) -> list[Document]:
    return documents(pairs, lambda key: key in ("data.source", "model.strategy"))


@pytest.mark.parametrize("value", ["", "null", "[]", "[1, 2]", "{}", "3"])
@pytest.mark.parametrize("section", ["model", "data", "trainer"])
def test_a_section_without_options_is_an_error(section, value, tmp_path):
    path = written(tmp_path, f"{section}: {value}\n")
    with pytest.raises(ValueError, match=f"some.yaml: {section}: expected options below it, but got "):
        read(("--config", str(path)))
    with pytest.raises(ValueError, match=f"{section}: expected options below it"):
        read((f"--{section}", value))
    with pytest.raises(ValueError, match=f"--config: {section}: expected options below it"):
        read(("--config", f"{{{section}: {value}}}"))


def test_so_is_a_base_without_options(tmp_path):
    for text in ("model: {base: }", "model: {base: [nano]}", "model.base:", "model.base: []"):
        with pytest.raises(ValueError, match=r"model\.base: expected options below it"):
            read(("--config", str(written(tmp_path, f"{text}\n"))))


def test_a_key_and_what_is_below_it_elsewhere_are_said_twice(tmp_path):
    path = written(tmp_path, "model: {threshold: 0.4}\nmodel.threshold: 0.9\n")
    with pytest.raises(ValueError, match=r"model\.threshold stands beside model; expected it once, below model"):
        read(("--config", str(path)))
    read(("--config", str(written(tmp_path, "model.threshold: 0.4\nmodel.schedule: cosine\n"))))


@pytest.mark.parametrize("first", ["model: deep/part", "config: deep/part", "data: {source: deep/part}"])
def test_files_that_a_file_leads_to_are_read_as_strictly(first, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "part").write_text("a: 1\na: 2\n")
    with pytest.raises(ValueError, match=r"deep/part, line 2: the key 'a' occurs twice"):
        read(("--config", str(written(tmp_path, f"{first}\n"))))


def test_so_are_files_of_options(tmp_path):
    path = written(tmp_path, BOMB)
    for option in ("--model", "--data.source", "--trainer", "--model.strategy"):
        with pytest.raises(ValueError, match="more than 10000 entries"):
            read((option, str(path)))
    assert [each.content for each in read(("--data.manifest", str(path)))] == [str(path)]


def test_files_that_lead_to_each_other_are_read_once(tmp_path):
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("config: two.yaml\n")
    two.write_text("config: one.yaml\n")
    assert [each.place for each in read(("--config", str(one)))] == [f"config {one}", f"config {two}"]


def test_what_the_parser_takes_passes(tmp_path):
    path = written(tmp_path, "model: {base: {name: nano}}\ndata: {prompt: null}\ntrainer: {callbacks: []}\n")
    names = [
        ("--run_dir", "runs/a[1"),
        ("--model", "part.yaml"),
        ("--config", "nowhere.yaml"),
        ("--data.source", "a" * 999),
    ]
    found = read(*names, ("--config", str(path)), ("--trainer.callbacks", "[]"))
    assert [each.key for each in found[:6]] == ["run_dir", "model", "", "data.source", "", "trainer.callbacks"]
    assert found[4].content["data"] == {"prompt": None}


@pytest.mark.parametrize("key", ["data.source", "data.protocol", "model.optimizer", "data.size"])
def test_an_option_that_needs_something_is_not_given_nothing(key, tmp_path, capsys):
    section, name = key.split(".")
    path = written(tmp_path, f"{section}:\n  {name}:\n")
    line = refusal(capsys, "fit", "--config", path)
    assert key in line
    assert "nothing" in line or "None" in line or "null" in line


def test_the_command_line_says_it(tmp_path, capsys):
    path = written(tmp_path, "model:\n")
    expected = "model: expected options below it, but got nothing; leave it out to keep the present values"
    assert refusal(capsys, "fit", "--config", path) == f"config {path}: {expected}"
    assert "line 1: the key 'size' occurs twice" in refusal(capsys, "fit", "--data", "{size: 1, size: 2}")
    assert "nested more than 50 levels" in refusal(capsys, "fit", "--data", "{size: " + "[" * 3000)


def test_thousands_of_unknown_keys_are_a_short_line(tmp_path, capsys):
    path = written(tmp_path, "".join(f"key{number}: 1\n" for number in range(3000)))
    assert len(refusal(capsys, "fit", "--config", path)) < 300


def test_what_aliases_repeat_is_a_short_line(tmp_path, capsys):
    """One of 59,049 entries; the parser would print them all."""
    path = written(tmp_path, "".join(BOMB.splitlines(keepends=True)[:5]) + "data: {source: *e}\n")
    line = refusal(capsys, "fit", "--config", path)
    assert line == f"config {path}, line 5: more than 10000 entries"


def test_a_file_with_a_mark_of_byte_order_runs(tmp_path, capsys):
    path = written(tmp_path, "\ufeffdata: {size: 64}\n")
    with pytest.raises(SystemExit, match="0"):
        call("fit", "--config", path, "--print_config")
    assert "size: 64" in capsys.readouterr().out
