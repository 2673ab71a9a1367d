"""The package's own experiments and tables, where a folder has none."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from launches import call, refusal
from sansa_lightning.ablate.table import read_table
from sansa_lightning.files import shipped
from sansa_lightning.files.shipped import FOLDERS, SHIPPED, located, with_located

ROOT = Path(__file__).parents[2]
ADAPT = "experiments/nano/adapt.yaml"
TABLE = "ablations/tables/table9.yaml"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped._say.cache_clear()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", [ADAPT, TABLE, f"./{ADAPT}", "ablations/results"])
def test_what_is_not_here_is_the_packages(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert located(name) == SHIPPED / name
    assert filecmp.cmp(located(ADAPT), ROOT / ADAPT, shallow=False)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"{name} is not in this folder; the package's own is taken: {SHIPPED / name}"
    assert len(said) == len({name, ADAPT})  # once each


def test_what_is_here_comes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ADAPT).parent.mkdir(parents=True)
    (tmp_path / ADAPT).touch()
    assert located(ADAPT) == Path(ADAPT)
    assert located(ADAPT, tmp_path) == tmp_path / ADAPT
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["experiments/none.yaml", "nano.json", f"../{ADAPT}", "experiments/../nano.json", ""])
def test_nothing_else_of_the_package_is_taken(name: str) -> None:
    assert located(name) == Path(name)
    assert located(f"/{ADAPT}") == Path(f"/{ADAPT}")


def test_options_of_every_command() -> None:
    own = str(SHIPPED / ADAPT)
    given = ["fit", "--config", ADAPT, "-c", ADAPT, f"--config={ADAPT}", "--out", ADAPT, "--config", "a\0b", "--config"]
    found = ["fit", "--config", own, "-c", own, f"--config={own}", "--out", ADAPT, "--config", "a\0b", "--config"]
    assert with_located(given) == found
    assert with_located(["--config", "x" * 5000]) == ["--config", "x" * 5000]


def test_a_table_of_ones_own_names_an_experiment_of_the_package(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"title: Mine\nexperiment: {ADAPT}\nrows: [{{name: LoRA, config: ablations/lora.yaml}}]\n")
    table, faults = read_table(path)
    assert not faults
    assert table is not None
    assert (table.experiment, table.rows[0].files) == (SHIPPED / ADAPT, (SHIPPED / "ablations/lora.yaml",))
    table, faults = read_table(located(TABLE))  # its own paths lead from one folder to the other
    assert not faults
    assert table is not None
    assert table.experiment.samefile(ROOT / "experiments/nano/ablate.yaml")


def test_a_run_says_which_file_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        call("fit", "--config", ADAPT, "--print_config")
    out, err = capsys.readouterr()
    assert "lr: 0.006" in out
    assert err.splitlines() == [f"{ADAPT} is not in this folder; the package's own is taken: {SHIPPED / ADAPT}"]
    assert "experiments/nano/none.yaml" in refusal(capsys, "fit", "--config", "experiments/nano/none.yaml")


@pytest.mark.slow
def test_a_wheel_has_them(tmp_path: Path) -> None:
    """It is built from a copy, unpacked, and used from another folder."""
    source = tmp_path / "source"
    for folder in ("sansa_lightning", *FOLDERS):
        shutil.copytree(ROOT / folder, source / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    packaged = tmp_path / "site" / "sansa_lightning" / "assets"
    for folder in FOLDERS:
        files = sorted(path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file())
        assert files == sorted(path.relative_to(packaged) for path in (packaged / folder).rglob("*") if path.is_file())
        assert all((packaged / path).read_bytes() == (ROOT / path).read_bytes() for path in files)
    commands = (["fit", "--config", ADAPT, "--print_config"], ["params", TABLE, "--base", "nano"])
    for command, expected in zip(commands, ("lr: 0.006", "Table 9"), strict=True):
        run = subprocess.run(
            [sys.executable, "-m", "sansa_lightning", *command],
            env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert expected in run.stdout
        assert f"the package's own is taken: {packaged}" in run.stderr
