"""An adapter as a folder, pushed to a hub and loaded from it."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
import yaml
from huggingface_hub import ModelCard

from fakes.hub import FakeHub
from fakes.run_folders import plain_result
from launches import call, refusal, result, trained
from sansa_lightning import load
from sansa_lightning.files.tensor_files import read_tensors

REPO = "me/tiny-adapter"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    made = FakeHub(tmp_path / "hub")
    made.install(monkeypatch, "token")
    return made


@pytest.fixture(scope="module")
def published(fitted, tmp_path_factory):
    """The folder that publish writes, on a machine without a token."""
    folder = tmp_path_factory.mktemp("published") / "out"
    with pytest.MonkeyPatch.context() as patch:
        FakeHub(folder).install(patch, None)
        with pytest.raises(SystemExit, match=r"^0$"):
            call("publish", fitted, "--repo", REPO, "--out", folder, "--licence", "apache-2.0")
    return folder


def test_the_folder_has_tensors_configuration_and_card(published, fitted):
    assert {path.name for path in published.iterdir()} == {
        *("adapter.safetensors", "adapter_config.json", "README.md", "config.yaml"),
    }
    tensors = read_tensors(published / "adapter.safetensors")
    assert all(torch.equal(value, tensors[name]) for name, value in trained(fitted).items())
    assert json.loads((published / "adapter_config.json").read_text())["base"]["name"] == "nano"
    config = yaml.safe_load((published / "config.yaml").read_text())
    root = result(fitted)["config"]["data"]["source"]["init_args"]["root"]
    assert config["data"]["source"]["init_args"]["root"] == root.rpartition("/")[2]
    assert root not in "".join(path.read_text(errors="replace") for path in published.iterdir())


def test_the_card_says_what_the_run_says(published, fitted):
    card, run = ModelCard.load(published / "README.md"), result(fitted)
    assert card.data.license == "apache-2.0"
    assert card.data.library_name == "sansa_lightning"
    scores = run["metrics"]["test"]
    for words, value in (
        ("mIoU", scores["miou"]),
        ("FB-IoU", scores["fb_iou"]),
        ("margin: mIoU less that", scores["controls"]["margin"]),
        ("the same for a guess", scores["controls"]["choice_chance"]),
    ):
        assert f"| {words} | {100 * value:.1f} |" in card.text
    assert f"| trained parameters, counted | {run['trained_parameters']:,} |" in card.text
    assert "AdaptFormer with" in card.text
    assert "**This is of the miniature**" in card.text
    assert "**Which terms have the data that it was trained on?** COCO's annotations are CC BY 4.0" in card.text
    assert f'adapter="hub:{REPO}"' in card.text
    assert "{{" not in card.text


def test_pushed_and_loaded_from_the_hub_it_is_the_same_model(published, fitted, hub, tmp_path, capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        call("publish", fitted, "--repo", REPO, "--out", tmp_path / "out")
    assert f'pushed: sansa_lightning.load(..., adapter="hub:{REPO}")' in capsys.readouterr().out
    assert hub.private == {REPO: True}  # unless --public
    same = [load("nano", None, adapter=place) for place in (f"hub:{REPO}", published, fitted)]
    for one in same[:2]:
        for name, value in same[2].state_dict().items():
            assert torch.equal(value, one.state_dict()[name]), name


@pytest.mark.slow
def test_a_published_adapter_scores_as_its_run(published, fitted, hub, tiny_yaml, tmp_path, capsys):
    hub.create_repo(REPO, private=True, exist_ok=True)
    hub.upload_folder(repo_id=REPO, folder_path=published, commit_message="x")
    for number, place in enumerate((published / "adapter.safetensors", f"hub:{REPO}")):
        call("test", "--config", tiny_yaml, "--ckpt_path", place, "--run_dir", tmp_path / str(number))
        assert result(tmp_path / str(number), "test")["metrics"]["test"] == result(fitted)["metrics"]["test"]
    said = refusal(capsys, "fit", "--config", tiny_yaml, "--ckpt_path", f"hub:{REPO}", "--run_dir", tmp_path / "fit")
    assert "is a published adapter, which holds no state of a run to resume" in said


def test_what_the_hub_has_not_is_one_line(hub):
    with pytest.raises(FileNotFoundError, match=r"adapter hub:me/none: adapter\.safetensors is not in the local cache"):
        load("nano", adapter="hub:me/none")
    for name in ("hub:", "hub:me", "hub:me/", "hub:a/b/c"):
        with pytest.raises(ValueError, match="adapter: expected hub:OWNER/NAME, but got "):
            load("nano", adapter=name)


@pytest.mark.parametrize("name", ["../x", "./..", "a/b/c", "a/", "/b", "a/..", "a--b/c", "a/b.git", "a b/c"])
def test_a_repository_that_the_hub_does_not_take_is_refused(name, tmp_path, capsys):
    assert refusal(capsys, "publish", tmp_path, "--repo", name).startswith("--repo: expected OWNER/NAME")


def test_an_odd_run_is_refused_with_file_and_key(tmp_path, capsys):
    (tmp_path / "result.json").write_text(json.dumps(plain_result() | {"metrics": {"test": {"miou": "high"}}}))
    said = refusal(capsys, "publish", tmp_path, "--repo", "me_1/SANSA.b-2")
    assert "result.json is not as this project writes it: metrics.test.miou: expected a number in [0, 1]" in said
    assert refusal(capsys, "publish", tmp_path / "nope", "--repo", REPO).endswith("nope: it is not there")


def test_what_cannot_be_published_is_one_line(fitted, hub, tmp_path, capsys):
    def refused(*args: object) -> str:
        return refusal(capsys, "publish", *args)

    assert refused(fitted, "--repo", "tiny") == "--repo: expected OWNER/NAME, but got 'tiny'"
    assert "expected the folder of a finished fit, but got" in refused(tmp_path, "--repo", REPO)
    (tmp_path / "result.json").write_text(json.dumps(plain_result(status="running")))
    assert refused(tmp_path, "--repo", REPO).endswith("it is running")
    (tmp_path / "result.json").write_text(json.dumps(plain_result()))
    assert refused(tmp_path, "--repo", REPO).endswith("has no checkpoints/last.ckpt")
    assert "holds 1 other file, first result.json; choose a new folder" in refused(
        fitted, "--repo", REPO, "--out", tmp_path
    )
    hub.refusal = RuntimeError("403: no")
    said = refused(fitted, "--repo", REPO, "--out", tmp_path / "out")
    assert said.endswith(f"is complete, but could not be pushed to {REPO}: 403: no")


def test_no_place_of_the_machine_is_published_and_loading_says_what_is_missing(fitted, tmp_path, monkeypatch):
    run, place = tmp_path / "run", "/home/alice/w/dino.pth"
    shutil.copytree(fitted, run)
    encoder = {"class": "DinoV2", "settings": {"size": "small", "weights": place}}
    prototype = {"encoder": encoder, "threshold": {"class": "Otsu", "settings": {}}}
    method = {"class": "SansaThen", "settings": {"scored_by": {"class": "Prototype", "settings": prototype}}}
    checkpoint = torch.load(run / "checkpoints/last.ckpt", weights_only=True)
    checkpoint["sansa_lightning"]["method"] = method
    torch.save(checkpoint, run / "checkpoints/last.ckpt")
    said = result(run)
    said["config"]["trainer"]["logger"] = {"class_path": "Some", "init_args": {"entity": "alice", "api_key": "x"}}
    (run / "result.json").write_text(json.dumps({**said, "method": method}))
    FakeHub(tmp_path).install(monkeypatch, None)
    with pytest.raises(SystemExit, match=r"^0$"):
        call("publish", run, "--repo", REPO, "--out", tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        text = path.read_text(errors="replace")
        assert ("alice" in text, "api_key" in text, str(fitted.parent.parent) in text) == (False, False, False), path
        assert ("dino.pth" in text) == (path.name != "config.yaml")
    assert set(yaml.safe_load((tmp_path / "out/config.yaml").read_text())) == {
        *("seed_everything", "model", "data", "trainer"),
    }
    with pytest.raises(FileNotFoundError, match=r"dino\.pth is neither .*; put dino\.pth into a folder and set SANSA"):
        load("nano", None, adapter=tmp_path / "out")
