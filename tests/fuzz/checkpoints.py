"""Mutated checkpoints, of this project and of published layout, given to every function that takes a file."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

import sansa_lightning
from builders import nano
from fakes.coco import write_coco
from fuzz.checkpoint_mutations import OF_BYTES, OF_CONTENT, own, published
from launches import call, tiny, write_yaml
from sansa_lightning.checkpoints.adapters import attach_from
from sansa_lightning.checkpoints.published import published_adapter
from sansa_lightning.runs.checkpoint_files import AtomicCheckpointIO, check_checkpoint, read_checkpoint
from sansa_lightning.strategies.base import trained_parameters
from sansa_lightning.trackers.weights import load_weights

LAYOUTS = ("own", "published", "bare", "weights", "safetensors")
LONGEST = 800
"""Characters of an error, without the folder."""


@dataclass(frozen=True)
class Verdict:
    """How a mutated file was taken.

    Attributes:
        outcome: "read" or "refused".
        trouble: what is wrong with that; None if nothing.
        what: the layout and what was done to it.
        error: what the reader said.
    """

    outcome: str
    trouble: str | None
    what: str
    error: str = ""


# --- the command line -------------------------------------------------------------------------------------------------


def command_line(folder: Path) -> Callable[[Path], None]:
    """A ``test`` of a checkpoint of :func:`own` or :func:`published`, in this process.

    Args:
        folder: where data, weights and configuration are written.
    """
    torch.save(nano().state_dict(), folder / "base.pt")
    config = tiny(write_coco(folder / "coco").root)
    config["model"]["base"]["weights"] = str(folder / "base.pt")
    config["model"]["strategy"] = {"class_path": "AdaptFormer", "init_args": {"placement": [3], "scale": 0.1}}
    file = write_yaml(folder / "tiny.yaml", config)

    def command(path: Path) -> None:
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                call("test", "--config", file, "--run_dir", folder / "run", "--ckpt_path", path)
        except SystemExit as ended:
            if ended.code != 2:
                raise
            (line,) = [line for line in said.getvalue().splitlines() if line.startswith("error: ")]
            raise ValueError(line if str(path) in line else f"{path}: {line}") from ended

    return command


# --- the trial --------------------------------------------------------------------------------------------------------


class CheckpointTrials:
    """Mutations of the files of one folder.

    Args:
        folder: where they are written.
        seed: of the mutations.
        command: tests a checkpoint by the command line; each tenth file is given to it, too. None for none of them.
    """

    def __init__(self, folder: Path, seed: int, command: Callable[[Path], None] | None = None) -> None:
        self.folder, self.canary, self.command = folder, folder / "was run", command
        self.rng = np.random.default_rng(seed)
        self.whole = {"own": own(), "published": published()}
        self.before = {name: tensor.clone() for name, tensor in nano().state_dict().items()}

    def __iter__(self) -> Iterator[Verdict]:
        """Without end."""
        while True:
            layout = LAYOUTS[self.rng.integers(len(LAYOUTS))]
            path, what, expected = self._mutated(layout)
            yield self._judge(layout, path, what, expected)

    def _mutated(self, layout: str) -> tuple[Path, str, dict[str, Tensor] | None]:
        """A file, what was done to it, and the tensors that it holds if they are known."""
        path = self.folder / ("last.safetensors" if layout == "safetensors" else "last.ckpt")
        content = self._content(layout)
        state = content.get("state_dict", content.get("model", content))
        if layout != "safetensors" and self.rng.random() < 0.6:
            change = OF_CONTENT[self.rng.integers(len(OF_CONTENT))]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                change(content, state, self.rng, self.canary)
                torch.save(content, path)
            return path, f"{change.__name__} of {layout}", _tensors(content)
        if layout == "safetensors":
            save_file(content, path)
        else:
            torch.save(content, path, _use_new_zipfile_serialization=bool(self.rng.random() < 0.8))
        damage = OF_BYTES[self.rng.integers(len(OF_BYTES))]
        path.write_bytes(damage(path.read_bytes(), self.rng))
        return path, f"{damage.__name__} of {layout}", None

    def _content(self, layout: str) -> dict[str, Any]:
        if layout in ("own", "published"):
            return copy.deepcopy(self.whole[layout])
        if layout == "bare":
            return copy.deepcopy(self.whole["published"]["model"])
        return {name: tensor.clone() for name, tensor in nano(1).state_dict().items()}

    def _judge(self, layout: str, path: Path, what: str, expected: dict[str, Tensor] | None) -> Verdict:
        weights = layout in ("weights", "safetensors")
        sam, entries = nano(), self._others(path)
        if self.command is not None and not weights and self.rng.random() < 0.1:
            entries.append(lambda: self.command(path))
            what += ", also by the command line"
        entries.insert(0, lambda: load_weights(sam, path) if weights else attach_from(path, sam))
        outcome, error, trouble = "refused", "", None
        for number, entry in enumerate(entries):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error" if number == 0 else "default")
                    entry()
                outcome = "read" if number == 0 else outcome
            except (ValueError, FileNotFoundError) as caught:
                error = str(caught) if number == 0 else error
                trouble = trouble or self._of_message(str(caught), path)
            except Exception as caught:
                trouble = trouble or f"another error: {type(caught).__name__}: {str(caught)[:300]}"
        if self.canary.exists():
            return Verdict(outcome, "code was run", what, error)
        trouble = trouble or (self._of_numbers(sam, weights, expected) if outcome == "read" else self._left_alone(sam))
        return Verdict(outcome, trouble, what, error)

    def _others(self, path: Path) -> list[Callable[[], Any]]:
        """What else a user would give the file to."""
        return [
            lambda: published_adapter(read_checkpoint(path), path, "test"),
            lambda: check_checkpoint(read_checkpoint(path), path),
            lambda: check_checkpoint(read_checkpoint(path), path, goes_on=True),
            lambda: AtomicCheckpointIO().load_checkpoint(path),
            *([lambda: sansa_lightning.load("nano", weights=None, adapter=path)] if self.rng.random() < 0.1 else []),
        ]

    def _of_message(self, message: str, path: Path) -> str | None:
        if not message.isprintable() or len(message) > LONGEST + 2 * len(str(path)):
            return f"not one line of moderate length: {message[:300]!r}"
        if "weights_only" in message or "safe_globals" in message:
            return f"torch's advice: {message[:300]}"
        return None if str(path) in message else f"does not name the file: {message[:300]}"

    def _left_alone(self, sam: Any) -> str | None:
        state = sam.state_dict()
        same = state.keys() == self.before.keys() and all(map(torch.equal, state.values(), self.before.values()))
        return None if same else "refused, but the base is another one now"

    def _of_numbers(self, sam: Any, weights: bool, expected: dict[str, Tensor] | None) -> str | None:
        """Whether what was read is what the file holds, or where bytes were changed, at least what it could hold."""
        found = dict(sam.state_dict()) if weights else dict(trained_parameters(sam))
        if not all(torch.isfinite(tensor).all() for tensor in found.values()):
            return "numbers that are not finite were read"
        if not weights:
            frozen = {name: tensor for name, tensor in sam.state_dict().items() if name not in found}
            if not all(torch.equal(tensor, self.before[name]) for name, tensor in frozen.items()):
                return "another tensor of the base was changed"
        if expected is None:
            return None
        wrong = [name for name, tensor in found.items() if not torch.equal(tensor, expected[name].to(tensor.dtype))]
        return f"{len(wrong)} tensors are not as in the file, first {wrong[0]}" if wrong else None


def _tensors(content: Any) -> dict[str, Tensor] | None:
    """The tensors of a content, by their names in the base."""
    state = content.get("state_dict", content.get("model", content))
    if not isinstance(state, dict):
        return None
    bare = {str(name).removeprefix("base.").replace("module.", "").removeprefix("sam."): name for name in state}
    return {name: state[key] for name, key in bare.items()}
