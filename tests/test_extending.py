"""docs/extending.md: its own code, as one file beside an experiment, through the command line."""

from __future__ import annotations

import csv
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import sansa_lightning
from launches import assert_equal_weights, call, refusal, result, trained
from sansa_lightning.trackers.weights import fingerprint
from sansa_lightning.trackers.zoo import Base

PAGE = Path(sansa_lightning.__file__).parents[1] / "docs" / "extending.md"
SMALL = (
    *("--data.train_length", 8, "--data.num_workers", 0, "--model.schedule", "constant", "--trainer.accelerator=cpu"),
    *("--data.val_episodes", 4, "--data.test_episodes", 4, "--trainer.log_every_n_steps", 1),
)
"""Two steps of the page's experiment."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def classes() -> list[str]:
    return [block for block in blocks("python") if re.search("^class ", block, re.MULTILINE)]


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The page's file, in the current folder, as ``python -m`` and the console script find it."""
    folder = tmp_path_factory.mktemp("extending")
    (folder / "mine.py").write_text("\n\n".join(classes()), encoding="utf-8")
    (folder / "mine.yaml").write_text("".join(blocks("yaml")), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        yield importlib.import_module("mine")
    sys.modules.pop("mine", None)


@pytest.fixture(scope="module")
def run(mine: ModuleType) -> Path:
    """The folder of the page's run."""
    fit("run")
    return Path("run").absolute()


def fit(run_dir: str, *more: Any) -> None:
    call("fit", "--config", "mine.yaml", "--run_dir", run_dir, *SMALL, *more)


def last(run: Path) -> Path:
    return run / "checkpoints" / "last.ckpt"


def logged(run: Path, name: str) -> list[float]:
    (file,) = run.glob("metrics/*/metrics.csv")
    with file.open() as rows:
        return [float(row[name]) for row in csv.DictReader(rows) if row.get(name)]


@pytest.mark.parametrize("block", classes(), ids=lambda block: re.findall(r"class (\w+)", block)[0])
def test_each_takes_at_most_40_lines(block: str) -> None:
    assert sum(bool(line.strip()) for line in block.splitlines()) <= 40


class TestEachIsUsed:
    def test_method_and_strategy_train(self, mine: ModuleType, run: Path) -> None:
        found = trained(run)
        scales = [f"base.scale_and_shift.{number}.{name}" for number in (0, 1) for name in ("scale", "shift")]
        assert found.keys() == {"method.look.weight", "method.look.bias", *scales}
        assert all((found[name] != name.endswith("scale")).any() for name in scales)  # not what they began as
        assert result(run)["method"] == {"class": "Likeness", "settings": {"channels": 32}}
        assert result(run)["strategy"] == {"class": "ScaleAndShift", "settings": {"placement": [2, 3]}}
        assert result(run)["trained_parameters"] == 4 * 32 + 33 * 64 + 64

    def test_tracker(self, mine: ModuleType, run: Path) -> None:
        torch.manual_seed(0)
        assert result(run)["base"] == {"name": "mine.Patches", "fingerprint": fingerprint(mine.Patches())}

    def test_source(self, mine: ModuleType, run: Path) -> None:
        assert [each["name"] for each in result(run)["metrics"]["test"]["classes"]] == ["red", "blue"]

    def test_loss(self, mine: ModuleType, run: Path) -> None:
        total, bce, tversky = (logged(run, f"train/{name}") for name in ("loss", "bce", "tversky"))
        assert len(total) == 2
        assert total == pytest.approx([a + b for a, b in zip(bce, tversky, strict=True)])
        logits = torch.tensor([0.0, 0.0, 100.0, -100.0]).reshape(1, 1, 2, 2)
        loss = mine.Tversky(0.7)(logits, torch.tensor([1, 0, 1, 0], dtype=torch.uint8).reshape(1, 1, 2, 2))
        # Hit 1.5, missed 0.5, too much 0.5.
        assert float(loss) == pytest.approx(1 - 2.5 / (1.5 + 0.35 + 0.15 + 1))

    def test_metric(self, mine: ModuleType, run: Path) -> None:
        assert logged(run, "test/area") == pytest.approx([result(run)["metrics"]["test"]["more"]["area"]])
        metric, truth = mine.AreaError(), torch.tensor([[1, 1, 0, 255]])
        metric.update(torch.tensor([[True, True, True, True]]), truth, 0)  # a third too much
        metric.update(torch.tensor([[False, False, False, False]]), truth, 0)  # two thirds too little
        assert float(metric.compute()) == pytest.approx(0.5)

    def test_callback(self, mine: ModuleType, run: Path) -> None:
        assert result(run)["clips"] == 8


class TestWhatAMethodTrains:
    def test_is_scored_again_from_its_checkpoint(self, run: Path) -> None:
        call("test", "--config", "mine.yaml", "--run_dir", "again", *SMALL, "--ckpt_path", last(run))
        assert result(Path("again"), "test")["metrics"]["test"] == result(run)["metrics"]["test"]

    @pytest.mark.slow
    def test_goes_on(self, run: Path) -> None:
        fit("whole", "--trainer.max_epochs", 2)
        fit("parts")
        fit("parts", "--trainer.max_epochs", 2, "--ckpt_path", "last")
        assert_equal_weights(Path("parts"), Path("whole"))
        look = "method.look.weight"
        assert not trained(Path("parts"))[look].equal(trained(run)[look])
        for name in ("metrics", "clips"):
            assert result(Path("parts"))[name] == result(Path("whole"))[name]

    def test_is_refused_by_another_method(self, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        other = ("--config", "mine.yaml", "--run_dir", "other", *SMALL, "--model.method", "Sansa")
        assert refusal(capsys, "test", *other, "--ckpt_path", last(run)).endswith(
            "its method class is 'Likeness', but here it is 'Sansa'; use the method that it was trained with"
        )

    def test_serves_from_python(self, mine: ModuleType, run: Path) -> None:
        model = sansa_lightning.load("mine.Patches", None, adapter=last(run))
        (picture, mask), (target, _) = (mine.Discs().load(f"val/0/{number}", 0) for number in (0, 1))
        (found,) = model.segment([(picture, sansa_lightning.Prompt.mask(mask))], [target], size=96)
        assert found.shape == target.shape[:2]
        assert torch.equal(model.model.method.look.weight, trained(run)["method.look.weight"])


class TestTracker:
    def test_serves_the_projects_own_method_and_strategy(self, run: Path) -> None:
        parts = "[trunk, memory_attention, memory_encoder]"
        strategy = ("--model.strategy", "FineTune", "--model.strategy.init_args.parts", parts)
        fit("sansa", "--model.method", "Sansa", *strategy)
        before, after = Base("mine.Patches", weights=None).build().state_dict(), trained(Path("sansa"))
        modules = {name.split(".")[1] for name, value in after.items() if not value.equal(before[name[5:]])}
        assert modules == {"trunk", "memory_attention", "memory_encoder"}

    def test_says_what_it_has_not(self, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "model.recompute: expected false for Patches" in refusal(
            capsys, "fit", "--config", "mine.yaml", "--run_dir", "no", *SMALL, "--model.recompute=true"
        )

    def test_a_linear_probe_needs_its_stages(self, mine: ModuleType) -> None:
        with pytest.raises(ValueError, match="Patches: expected a tracker that gives the maps of its stages"):
            mine.Patches().stages(torch.zeros(1, 3, 96, 96))

    def test_is_named_before_it_is_imported(
        self, mine: ModuleType, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        Path("unwanted.py").write_text("from pathlib import Path\nPath('was run').touch()\nclass Frozen: ...\n")
        wrong = ("--config", "mine.yaml", "--run_dir", "no", "--model.base.name")
        assert "there is no 'Patches' in the module 'unwanted'" in refusal(capsys, "fit", *wrong, "unwanted.Patches")
        assert not Path("was run").exists()
        refusal(capsys, "fit", *wrong, "unwanted.Frozen")
        assert "unwanted.Frozen is run as code of this configuration" in caplog.text


def test_a_part_of_it_in_the_demo(mine: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        call("fit", "--model.losses.init_args.terms.bce", "mine.Tversky", "--print_config")
    shown = capsys.readouterr().out
    assert "class_path: mine.Tversky" in shown
    assert "class_path: sansa_lightning.losses.Dice" in shown
