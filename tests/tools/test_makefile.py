"""How an environment is set up: what `make` would do, without doing it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def installs(tmp_path: Path, *options: str) -> list[str]:
    """The commands of a set-up that install something."""
    command = ["make", "--dry-run", "lint", f"VENV={tmp_path}/venv", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line.strip() for line in done.stdout.splitlines() if " install " in line]


@pytest.mark.parametrize("options", [(), ("INSTALLER=uv",), ("TORCH_INDEX=file:///cpu",)])
def test_every_installation_keeps_to_the_constraints(tmp_path, options):
    found = installs(tmp_path, *options)
    assert len(found) == 3 + len(options)
    assert all("--constraint constraints.txt" in line for line in found)
    assert [line.split()[-1] for line in found][-3:] == ["wheel", "sam2==1.1.0", "'.[dev]'"]


def test_uv_is_installed_by_pip_and_installs_the_rest(tmp_path):
    first, *others = installs(tmp_path, "INSTALLER=uv")
    assert first.endswith(
        "pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt uv"
    )
    assert all(f"{tmp_path}/venv/bin/uv pip install" in line for line in others)
    assert not any("/uv pip" in line for line in installs(tmp_path))


def test_another_index_serves_torch_alone(tmp_path):
    first, *others = installs(tmp_path, "TORCH_INDEX=file:///cpu")
    assert first.endswith(" --no-deps --index-url file:///cpu torch torchvision")
    assert not any("--index-url" in line for line in [*others, *installs(tmp_path)])
