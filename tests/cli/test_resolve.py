"""Configurations as the command line would resolve them, without running anything."""

from __future__ import annotations

import pytest

from sansa_lightning.cli.resolve import build, resolve
from sansa_lightning.files.messages import one_line


def test_a_negative_weight_of_a_loss_is_one_line():
    config = resolve([], {"model.losses.init_args.terms.bce.init_args.weight": -1})
    with pytest.raises(ValueError, match="Union subtypes") as caught:
        build(config)
    assert one_line(caught.value) == "BCE.weight: expected a finite number >= 0, but got -1.0"
