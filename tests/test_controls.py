"""Controls by the command line, where there can be some and where not."""

from __future__ import annotations

import pytest

from fakes.lung import write_lung
from launches import call, result

QUIET = ("--trainer.enable_progress_bar", "false", "--data.num_workers", 0)


def test_one_class_of_one_mask_an_image_has_none_and_says_so(tmp_path, capsys):
    root = write_lung(tmp_path / "data").root
    source = ("--data.source", "Lung", "--data.source.root", root, "--data.protocol", "AllClasses")
    call("test", *source, *QUIET, "--data.test_episodes", 2, "--run_dir", tmp_path / "run")
    found = result(tmp_path / "run", "test")["metrics"]["test"]
    names = ("wrong_miou", "margin", "everything_miou", "choice", "choice_chance")
    assert found["controls"] == dict.fromkeys(names)
    printed = capsys.readouterr()
    rows = printed.out.splitlines()[-6:-1]
    assert [row.split()[-1] for row in rows[1:]] == ["n/a"] * 4
    assert "called before the" not in printed.err


@pytest.mark.slow
def test_other_prompts_and_more_references_have_controls(tmp_path):
    options = ("--data.shots", 2, "--data.test_episodes", 4, "--data.score_at", "original")
    scores = {}
    for prompt in ("BoxPrompt", "PointPrompt"):
        call("test", *QUIET, *options, "--data.prompt", prompt, "--run_dir", tmp_path / prompt)
        scores[prompt] = found = result(tmp_path / prompt, "test")["metrics"]["test"]
        controls = found["controls"]
        assert controls["margin"] == pytest.approx(found["miou"] - controls["wrong_miou"])
    boxes, points = scores["BoxPrompt"], scores["PointPrompt"]
    assert boxes["miou"] != points["miou"]
    for name in ("everything_miou", "choice_chance"):  # of the targets' objects alone
        assert boxes["controls"][name] == points["controls"][name]
