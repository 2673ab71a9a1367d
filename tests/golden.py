"""The golden cases of the shared folder: their recipes are its own Python files, loaded from there."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def recipe(shared: Path, name: str) -> ModuleType:
    """``weights``, ``inputs`` or another file of the golden folder; such a file may import others of them."""
    folder = shared / "golden"
    spec = importlib.util.spec_from_file_location(f"golden_{name}", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        spec.loader.exec_module(module)
    return module
