"""The command as a user calls it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from launches import call, refusal
from sansa_lightning.describe.experiment import in_a_line, read_experiment
from sansa_lightning.describe.options import read_options

ROOT = Path(__file__).parents[2]
MINI = ROOT / "experiments" / "coco_mini.yaml"


def describe(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit, match=r"^0$"):
        call("data", "describe", *args)
    return capsys.readouterr().out


def test_an_experiment(capsys, coco, tmp_path):
    sheet = tmp_path / "sheets" / "a.png"
    options = ("--data.source.init_args.root", coco.root, "--data.protocol.init_args.fold", 1, "--data.prompt")
    text = describe(capsys, "--config", MINI, *options, "BoxPrompt", "--out", sheet, "--episodes", 2)
    assert re.search(r"^protocol +Strict\(fold=1, folds=4, layout=interleaved, min_images=2\)$", text, re.MULTILINE)
    assert re.search(r"^test prompt +BoxPrompt\(\)$", text, re.MULTILINE)
    assert re.search(r"^train episodes +160 per epoch, of 1 reference and 3 targets$", text, re.MULTILINE)
    assert re.search(r"^test episodes +200, of 1 .* by RandomEpisodes with seed 0$", text, re.MULTILINE)
    assert re.search(rf"^train pool +5 classes, train split of coco in {coco.root}$", text, re.MULTILINE)
    assert re.search(r"^left out +1 of coco in .*, train, with too few images: rare$", text, re.MULTILINE)
    assert re.search(r"^overlap +0 shared classes, of 2 tested$", text, re.MULTILINE)
    assert re.search(r"^overlap +0 shared pictures, of \d+ tested$", text, re.MULTILINE)
    assert re.search(r"^ +5  fox +\d+ +\d+ +\d+$", text, re.MULTILINE)
    assert text.splitlines()[-1] == f"episodes drawn in {sheet}"
    with Image.open(sheet) as picture:
        assert picture.format == "PNG"
        assert picture.size[0] > 800
    assert list(sheet.parent.iterdir()) == [sheet]


def test_shared_classes_are_named(capsys, coco, tmp_path):
    options = ("--data.source.init_args.root", coco.root, "--data.protocol", "InDomain")
    text = describe(capsys, "--config", MINI, *options, "--data.protocol.fold", 1, "--out", tmp_path / "a.png")
    assert "5 shared classes, of 5 tested: ant, cat, dog, eel, gnu" in text


def test_without_a_file_it_is_the_miniature(capsys, tmp_path):
    text = describe(capsys, "--out", tmp_path / "a.png", "--episodes", 1)
    assert "24 classes, train split of patterns" in text
    assert "test prompt    MaskPrompt()" in text


@pytest.mark.slow
def test_a_manifest_is_replayed_byte_for_byte(capsys, coco, tmp_path):
    options = ("--config", MINI, "--data.source.root", coco.root, "--out", tmp_path / "a.png", "--episodes", 1)
    one, other = tmp_path / "new" / "one.jsonl", tmp_path / "other.jsonl"
    text = describe(capsys, *options, "--data.test_seed", 3, "--manifest", one)
    assert text.splitlines()[-1] == f"test episodes written to {one}"
    assert one.read_bytes().count(b"\n") == 200
    assert f"from {one}" in describe(capsys, *options, "--data.manifest", one, "--manifest", other)
    assert other.read_bytes() == one.read_bytes()
    describe(capsys, *options, "--manifest", other)
    assert other.read_bytes() != one.read_bytes()


class TestRefusals:
    def test_no_data(self, capsys, tmp_path):
        message = refusal(capsys, "data", "describe", "--config", MINI, "--data.source.root", tmp_path / "nowhere")
        assert "nowhere is not a folder" in message

    def test_a_key_that_is_not_there(self, capsys):
        assert "did you mean data.size?" in refusal(capsys, "data", "describe", "--data.sise", 5)

    def test_a_class_that_is_not_there(self, capsys):
        assert "did you mean BoxPrompt?" in refusal(capsys, "data", "describe", "--data.prompt", "BoxPromt")

    def test_no_episodes(self, capsys):
        message = refusal(capsys, "data", "describe", "--episodes", 0)
        assert message == "--episodes: expected at least 1, but got 0"

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (["--episodes", "x"], r"argument --episodes: invalid int value: 'x'"),
            ([MINI], r"expected options as --data.key value, and files after --config, but got '.*coco_mini.yaml'"),
            (["--data.size", 96, 97], r"expected options as --data.key value, .* but got '--data.size 96 97'"),
            (["--config"], r"argument --config/-c: expected one argument"),
            (["--config", "nowhere.yaml"], r"nowhere.yaml"),
        ],
    )
    def test_options_that_are_none(self, capsys, args, message):
        assert re.search(message, refusal(capsys, "data", "describe", *args))

    def test_a_recipe_without_episodes(self, capsys):
        message = refusal(capsys, "data", "describe", "--config", ROOT / "experiments" / "nano" / "pretrain.yaml")
        assert message == "recipe: expected one with episodes to describe, but got 'tracker'"


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_is_understood(path):
    asked = read_options(["--config", str(path)])
    assert asked.episodes == 4
    assert read_experiment(asked).protocol.endswith(")")


def test_lines():
    spec = {"class_path": "a.b.MultiPrompt", "init_args": {"prompters": [{"class_path": "a.X"}, {"class_path": "Y"}]}}
    assert in_a_line(spec) == "MultiPrompt(prompters=[X(), Y()])"
    assert in_a_line({"class_path": "Z", "init_args": {"a": 1, "b": None, "c": {"x": 1}}}) == "Z(a=1)"
