"""Where a command line begins: what is light needs no torch, and says so early what is not."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import sansa_lightning
from launches import call, write_yaml
from sansa_lightning import __main__

LIGHT = (
    *("--help", "--version", "data --help", "ablate --help", "params --help"),
    *("data describe --help", "data prepare --help", "data verify --help"),
    *("fitt", "fit --recipe nowhere", "data verify isic --root nowhere", "data prepare isic --root nowhere --dry_run"),
)
"""Command lines that train nothing and look at nothing that torch would have to read."""

NOT_NEEDED = ("torch", "lightning", "jsonargparse", "torchmetrics", "scipy", "PIL", "wandb", "pycocotools", "sam2")
HEAVY = ("sam2", "hydra", "peft", "wandb", "pycocotools", "matplotlib", "cv2", "scipy", "torchvision", "transformers")
"""Lightning itself imports some of these, by way of torchmetrics; the package must not add one."""

START_UP = f"""
import sys
from sansa_lightning.cli import main

def loaded(line, modules):
    try:
        main(line.split())
    except SystemExit:
        pass
    print("LOADED", line, *(set(modules) & set(sys.modules)), sep="|", flush=True)

for line in {LIGHT}:
    loaded(line, {NOT_NEEDED})
import lightning.pytorch
loaded("fit --help", set({HEAVY}) - set(sys.modules))
"""


@pytest.fixture(scope="module")
def started() -> subprocess.CompletedProcess[str]:
    """All command lines that import little, in one process."""
    return subprocess.run([sys.executable, "-c", START_UP], capture_output=True, text=True, timeout=240, check=True)


@pytest.mark.slow
def test_what_trains_nothing_imports_nothing_heavy(started):
    lines = [line.split("|")[1:] for line in started.stdout.splitlines() if line.startswith("LOADED|")]
    assert lines == [[line] for line in (*LIGHT, "fit --help")]


def test_each_of_them_answers(started):
    out = started.stdout
    assert out.startswith("usage: sansa_lightning COMMAND [options]")
    assert f"\nsansa_lightning {version('sansa_lightning')}\n" in out
    for usage in ("ablate", "params", "data describe", "[options] fit"):
        assert f"\nusage: sansa_lightning {usage} " in out
    assert "--run_dir" in out
    assert [line.partition(":")[0] for line in started.stderr.splitlines()] == ["error"] * 3


def test_the_version_is_that_of_the_installed_package():
    assert sansa_lightning.__version__ == version("sansa_lightning")


def said(capsys: pytest.CaptureFixture[str], *args: object) -> list[str]:
    """The lines on stderr of a command line with a key that there is not."""
    capsys.readouterr()
    with pytest.raises(SystemExit, match=r"^2$"):
        call(*args, "--data.sise", 3)
    return capsys.readouterr().err.splitlines()


def test_a_run_says_first_what_it_reads(tiny_yaml, tmp_path, capsys):
    other = write_yaml(tmp_path / "other.yaml", {"model": {"threshold": 0.4}})
    first, error = said(capsys, "fit", "--config", tiny_yaml, f"--config={other}")
    assert first == f"fit: recipe few_shot, configured by {tiny_yaml}, {other}"
    assert error.startswith("error: ")
    assert said(capsys, "test", "--recipe", "tracker")[0] == "test: recipe tracker, configured by its defaults"


def test_further_processes_and_questions_say_nothing_first(tiny_yaml, capsys, monkeypatch):
    with pytest.raises(SystemExit, match=r"^0$"):
        call("fit", "--config", tiny_yaml, "--print_config")
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert len(said(capsys, "fit", "--config", tiny_yaml)) == 1


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The path of imports as a console script has it: its own folder first, not the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["/bin", *(each for each in sys.path if each not in ("", str(tmp_path)))])
    monkeypatch.setattr(sys, "argv", ["sansa-lightning"])
    yield
    sys.modules.pop("beside", None)


def test_the_console_script_sees_the_current_folder(script, tmp_path, capsys):
    (tmp_path / "beside.py").write_text(
        "from sansa_lightning.strategies.adaptformer import AdaptFormer\nclass Own(AdaptFormer):\n    pass\n"
    )
    with pytest.raises(SystemExit, match=r"^0$"):
        __main__.main(["fit", "--model.strategy", "beside.Own", "--print_config"])
    assert yaml.safe_load(capsys.readouterr().out)["model"]["strategy"]["class_path"] == "beside.Own"
    assert sys.path[0] == str(tmp_path)


def test_unless_python_is_told_to_be_safe(script, tmp_path):
    code = "import sys, runpy; sys.argv = ['x', '--version']; runpy.run_module('sansa_lightning', run_name='__main__')"
    code = f"{code}; assert {str(tmp_path)!r} not in sys.path and '' not in sys.path"
    path = str(Path(sansa_lightning.__file__).parents[1])
    subprocess.run([sys.executable, "-P", "-c", code], check=True, env={**os.environ, "PYTHONPATH": path}, timeout=240)
