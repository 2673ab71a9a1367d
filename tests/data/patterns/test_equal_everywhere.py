"""Pictures are equal to the bit: in other processes, thread counts, orders and on other machines."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sansa_lightning.data.patterns.draws import Domain, Draws
from sansa_lightning.data.patterns.tracking import TrackingClips

SCRIPT = Path(__file__).with_name("render_digest.py")

GOLDEN = "5cd2b6d99ebdad5917d22ae2b7ed409092e649c8857bcede3b4c19113e90b238"
"""Of 64 images, one a class and split. Changes only if the benchmark becomes another one: say so in CHANGELOG."""


GOLDEN_CLIPS = "49dffd6324061ec1665985116485f1d69d5024e6f17faf5fcd691a4b305feffd"
"""Of 8 tracking clips of each split, masks and tokens included."""


def rendered(images: int, threads: int, *options: str) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    command = [sys.executable, str(SCRIPT), str(images), "--threads", str(threads), *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_the_first_64_images_are_the_committed_ones() -> None:
    assert rendered(64, 1) == GOLDEN


def test_other_threads_and_order_give_the_same_images() -> None:
    assert rendered(64, 2, "--backwards") == GOLDEN


def test_the_first_tracking_clips_are_the_committed_ones() -> None:
    drawn = hashlib.sha256()
    for split in ("train", "val"):
        clips = TrackingClips(8, split=split)
        for index in range(8):
            images, masks, tokens = clips._shoot(Draws(0, Domain.CLIP, index, split == "val"))
            assert torch.equal(clips[index].masks, torch.from_numpy(masks))
            for array in (*images, masks, tokens):
                drawn.update(array.tobytes())
    assert drawn.hexdigest() == GOLDEN_CLIPS


@pytest.mark.slow
def test_10000_images_are_equal_in_two_processes_thread_counts_and_orders() -> None:
    assert rendered(10_000, 1) == rendered(10_000, 2, "--backwards")


def test_instruction_set_does_not_matter() -> None:
    """NumPy without its AVX2 and AVX-512 kernels, as on an older machine."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    switchable = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    if not switchable:
        pytest.skip("this NumPy has no kernels that can be switched off")
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(switchable)}
    command = [sys.executable, str(SCRIPT), "64"]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    assert found == GOLDEN
