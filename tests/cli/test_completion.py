"""What bash offers after the script has been read."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from sansa_lightning.cli.completion import script

EMPTY = "''"
CASES = {
    "": "fit validate test predict annotate page ablate params analyze report publish data --help --version",
    "pre": "predict",
    "data ": "describe prepare verify",
    "data p": "prepare",
    "fit --data.si": "--data.size",
    "test --config a.yaml --ckpt": "--ckpt_path",
    "predict --compare": "--compare_frozen",
    "ablate t.yaml --la": "--launcher",
    "params --b": "--base",
    "annotate --refe": "--references --reference_images",
    "analyze pca --ck": "--ckpt",
    "report runs --comp": "--compare",
    "publish RUN --rep": "--repo",
    "data describe --man": "--manifest",
    "data verify isic --d": "--deep",
    "fit --config exper": "",
    "fit ": "",
}
"""What stands on a line, and what is offered; nothing leaves it to bash's completion of files."""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_offers_commands_and_options():
    calls = [
        f"COMP_WORDS=(sansa-lightning {line if line[-1:].strip() else line + EMPTY}); "
        'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=(); _sansa_lightning; echo "${COMPREPLY[*]}"'
        for line in CASES
    ]
    run = subprocess.run(["bash"], input="\n".join([script(), *calls]), capture_output=True, text=True, check=True)
    assert run.stderr == ""
    assert dict(zip(CASES, run.stdout.splitlines(), strict=True)) == CASES
