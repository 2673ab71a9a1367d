"""The throughput benchmark runs, and what it compares does the same work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from builders import mask_prompt, nano, pictures
from sansa_lightning.methods.propagation import Propagation

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def walk(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    from rivals import upstream_walk

    return upstream_walk


def test_the_walk_has_the_masks_of_the_tracker(walk):
    sam, images, prompt = nano(), pictures(1, 3), mask_prompt()
    with torch.no_grad():
        found = walk(sam, images[0], prompt.dense)
        expected = Propagation()(nano(), images, [[prompt]]).low[0, 1:]
    # Upstream remembers a hard mask, the published implementation one that was made small and large again.
    common = ((found > 0) & (expected > 0)).sum() / ((found > 0) | (expected > 0)).sum()
    assert found.shape == expected.shape
    assert float(common) > 0.9


@pytest.mark.slow
def test_it_prints_ratios_of_pairs():
    command = [sys.executable, FOLDER / "throughput.py", "--base", "nano", "--size", "96", "--pairs", "1"]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent)}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    names = re.findall(r"^(\w+).* theirs / ours +[\d.]+ .* GFLOP, +\d+% of the rate$", run.stdout, re.MULTILINE)
    assert names == ["evaluation", "annotation", "annotation", "training"]
