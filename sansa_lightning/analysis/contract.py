"""The contract of an analysis: a question to a model and its data, answered by numbers and figures."""

from __future__ import annotations

import json
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.files.extras import check_extra
from sansa_lightning.files.whole import write_text
from sansa_lightning.model import FewShotModel

FINDINGS = "findings.json"
"""The file of the numbers in a folder of findings; the figures lie beside it."""

NEEDED = {"sklearn": "scikit-learn", "matplotlib": "matplotlib"}
"""Modules that analyses import, and the packages that bring them."""


@dataclass(frozen=True)
class Findings:
    """What an analysis found.

    Attributes:
        numbers: plain values, for JSON: finite numbers, text, None, lists and mappings with text as keys.
        figures: RGB pictures by name, without an ending.
        about: plain values likewise: which analysis of which model on which data; empty until a command fills it in.
    """

    numbers: Mapping[str, Any]
    figures: Mapping[str, Image.Image] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the numbers and, as PNG, the figures, to a folder that appears whole or not at all.

        Earlier findings there are replaced.

        Raises:
            ValueError: the folder holds something else, or a number is not finite.
        """
        check_folder(folder)  # again: what others put there while the analysis ran must not be deleted
        partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
        partial.mkdir(parents=True)
        try:
            content = {"about": self.about, "numbers": self.numbers, "figures": sorted(self.figures)}
            write_text(partial / FINDINGS, json.dumps(content, indent=2, allow_nan=False) + "\n")
            for name, figure in self.figures.items():
                figure.save(partial / f"{name}.png")
            if folder.exists():
                shutil.rmtree(folder)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    @classmethod
    def read(cls, folder: Path) -> Findings:
        """The findings in a folder.

        Raises:
            FileNotFoundError: there are none, or a figure is missing.
            ValueError: the file is not one of findings.
        """
        path = folder / FINDINGS
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            figures = {name: _picture(folder / f"{name}.png") for name in content["figures"]}
            return cls(content["numbers"], figures, content["about"])
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            msg = f"{path}: expected the findings of an analysis, but got something else ({type(error).__name__})"
            raise ValueError(msg) from error


class Analysis(ABC):
    """A question to a model. Its constructor's arguments are the options ``--analysis.<name>`` of the command line."""

    question: ClassVar[str]
    """What it answers, in a sentence."""

    @abstractmethod
    def run(self, model: FewShotModel, data: EpisodeDataModule) -> Findings:
        """Answer for the base and for the base with its trained parts, on the same data.

        Args:
            model: in eval mode.
            data: set up for "test".

        Raises:
            ValueError: model or data do not allow this question.
        """


def check_folder(folder: Path) -> None:
    """Check that findings can be written to a folder: that it is new, empty, or holds earlier findings and no more.

    Raises:
        ValueError: it holds something else, or is a file.
    """
    if folder.exists() and (other := _other(folder)) is not None:
        msg = f"--out: expected a new folder, or one with earlier findings alone, but {folder} holds something else"
        raise ValueError(f"{msg}: {other}" if other else msg)


def _other(folder: Path) -> str | None:
    """The first name in a folder that is not of earlier findings, empty for a file; None if there is none."""
    if not folder.is_dir():
        return ""
    found = sorted(path.name for path in folder.iterdir())
    try:
        figures = json.loads((folder / FINDINGS).read_text(encoding="utf-8"))["figures"]
        own = {FINDINGS, *(f"{name}.png" for name in figures)}
    except (OSError, ValueError, KeyError, TypeError):
        own = set()
    return next((name for name in found if name not in own), None)


def check_installed() -> None:
    """Check that the packages of the extra ``analysis`` are there.

    Raises:
        ValueError: one is not; names the extra.
    """
    check_extra("analyze", NEEDED, "analysis")


def _picture(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")
