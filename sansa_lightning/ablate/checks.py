"""Checks before a run: its strategy fits its base, and its weights and data exist."""

from __future__ import annotations

import json

from jsonargparse import Namespace

from sansa_lightning.ablate.counting import attached
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.files.messages import one_line
from sansa_lightning.module import FewShotModule
from sansa_lightning.strategies.base import trained_parameters


class Checks:
    """The checks of one call; data shared by several runs are read once."""

    def __init__(self) -> None:
        self._data: dict[str, str] = {}

    def trains(self, module: FewShotModule) -> bool:
        """Check that a strategy fits its base and that the weights exist; returns whether anything would train.

        Raises:
            ValueError: it does not fit.
            OSError: the weights are missing.
        """
        module.parts.base.weights_file()
        return bool(trained_parameters(attached(module.parts.base, module.parts)))

    def data(self, data: EpisodeDataModule, config: Namespace, *, trains: bool, in_domain: bool) -> None:
        """Check that the data exist: for the test, for training, and for a score on training classes.

        Raises:
            ValueError: they do not fit, or are missing.
        """
        if in_domain and type(data.protocol) is not Strict:
            msg = f"in_domain: expected protocol Strict, but got {type(data.protocol).__name__}"
            raise ValueError(msg)
        self._read_data(data, config, trains=trains)

    def _read_data(self, data: EpisodeDataModule, config: Namespace, *, trains: bool) -> None:
        """Set the data up, once for each configuration of them."""
        described = {key: str(value) for key, value in config.data.as_dict().items() if key != "seed"}
        key = json.dumps([described, trains])
        if key not in self._data:
            try:
                for stage in ("fit", "test") if trains else ("test",):
                    data.setup(stage)
                self._data[key] = ""
            except (ValueError, OSError) as error:
                self._data[key] = one_line(error)
        if self._data[key]:
            raise ValueError(self._data[key])
