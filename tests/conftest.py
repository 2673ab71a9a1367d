"""Fixtures of the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with golden vectors and small real data: ``SANSA_SHARED`` or ``../shared``."""
    folder = Path(os.environ.get("SANSA_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the shared data folder: set SANSA_SHARED (looked at {folder})")
    return folder
