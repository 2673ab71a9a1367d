"""Fixtures of the whole suite."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.coco import FakeCoco, write_coco
from launches import call, tiny, write_yaml
from sansa_lightning.data.formats.index_cache import CACHE_VARIABLE


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with golden vectors and small real data: ``SANSA_SHARED`` or ``../shared``."""
    folder = Path(os.environ.get("SANSA_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the shared data folder: set SANSA_SHARED (looked at {folder})")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is read from or left in the user's cache folder, not by processes that tests start either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def coco(tmp_path_factory: pytest.TempPathFactory) -> FakeCoco:
    """A fake COCO that no test changes."""
    return write_coco(tmp_path_factory.mktemp("coco"))


@pytest.fixture(scope="session")
def tiny_yaml(coco: FakeCoco, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration of the smallest run there is, see ``launches.tiny``."""
    return write_yaml(tmp_path_factory.mktemp("config") / "tiny.yaml", tiny(coco.root))


@pytest.fixture(scope="session")
def fitted(tiny_yaml: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished ``fit``, which no test changes."""
    folder = tmp_path_factory.mktemp("fitted") / "run"
    call("fit", "--config", tiny_yaml, "--run_dir", folder)
    return folder
