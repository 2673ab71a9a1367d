from __future__ import annotations

from pathlib import Path

import pytest

from fakes.photos import Photos, run, write_photos


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="session")
def finished(photos: Photos, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the plain job, which no test changes."""
    out: Path = tmp_path_factory.mktemp("finished") / "a.json"
    run(*photos.args(out))
    return out
