"""What strategies need on an experiment beyond what the rows of the paper say, such as a learning rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sansa_lightning.cli.yaml_files import read_yaml
from sansa_lightning.strategies.base import known_strategies


def adjustment(path: Path, class_path: str) -> dict[str, Any]:
    """Dotted keys and values for a strategy; empty if the file has none for it.

    Args:
        path: YAML, by the short names of strategies.
        class_path: of the strategy.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is something else, or names a strategy that there is not.
    """
    if not path.is_file():
        msg = f"adjust: {path} is not a file"
        raise FileNotFoundError(msg)
    content = read_yaml(path, "adjust")
    for name, settings in content.items():
        if name not in known_strategies() or not isinstance(settings, dict):
            msg = (
                f"adjust {path}: expected strategies ({', '.join(sorted(known_strategies()))}) with dotted keys and "
                f"values, but got {name}: {settings!r}"
            )
            raise ValueError(msg)
    return dict(content.get(class_path.rpartition(".")[2], {}))
