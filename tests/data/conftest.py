"""Fake COCO for the data tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.coco import FakeCoco, write_coco
from sansa_lightning.data.sources.coco import Coco


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> FakeCoco:
    """Written once; tests must not change it."""
    return write_coco(tmp_path_factory.mktemp("fake") / "coco")


@pytest.fixture
def coco(fake: FakeCoco) -> Coco:
    return Coco(fake.root)


@pytest.fixture
def broken(tmp_path: Path) -> FakeCoco:
    """A copy that a test may break."""
    return write_coco(tmp_path / "coco")
