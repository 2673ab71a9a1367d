"""The golden cases of the shared folder: their recipes are its own Python files, loaded from there."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def recipe(shared: Path, name: str) -> ModuleType:
    """``weights`` or ``inputs`` of the golden folder."""
    spec = importlib.util.spec_from_file_location(f"golden_{name}", shared / "golden" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
