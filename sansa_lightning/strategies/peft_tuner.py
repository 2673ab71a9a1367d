"""Any tuner of the peft library that wraps linear layers: LoHa, LoKr, IA3, BOFT and others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import chain
from typing import Any

from sansa_lightning.strategies.peft_layers import PeftStrategy
from sansa_lightning.strategies.placement import Placement
from sansa_lightning.strategies.targets import Targets


class PeftTuner(PeftStrategy):
    """A tuner under peft's name for it, with peft's own options, except LoRA, which has its own class.

    Tried with peft 0.21 on the base's [B, H, W, C] maps: attaching LOHA, LOKR, IA3 (with ``feedforward_modules: []``),
    BOFT, MISS, DELORA or ROAD changes no bit of the results; HRA changes rounding; FOURIERFT and C3A change results.
    OFT takes maps for images and GRALORA takes them for sequences: both fail in the first forward pass.

    Args:
        tuner: a name of ``peft.PeftType``, for instance "LOHA".
        placement: stages of the image encoder, a name for them, or blocks; see ``placement.Placement``.
        targets: layers of each block: "qkv", "proj" (of attention), "mlp" (both layers), "skip" (where width changes);
            or layers of any part, see ``targets.Targets``.
        options: fields of the tuner's peft configuration, without ``target_modules``.
    """

    def __init__(
        self,
        tuner: str,
        placement: Placement = (2, 3),
        targets: Targets = ("qkv",),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(placement, targets)
        self.tuner = tuner.upper()
        self.options = dict(options or {})
        self.config({})

    def config(self, modules: Mapping[str, Sequence[str]]) -> Any:
        """The tuner's peft configuration.

        Raises:
            ValueError: peft has no such tuner or cannot inject it, or it does not take these options.
        """
        from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING
        from peft.tuners.tuners_utils import BaseTuner

        known = {
            kind.name: PEFT_TYPE_TO_CONFIG_MAPPING[kind]
            for kind, tuner in PEFT_TYPE_TO_TUNER_MAPPING.items()
            if issubclass(tuner, BaseTuner) and not tuner.uses_shared_state  # others only work inside a PeftModel
        }
        if self.tuner not in known:
            near = get_close_matches(self.tuner, known, n=3) or sorted(known)
            msg = f"PeftTuner.tuner: peft cannot inject {self.tuner!r}; nearest it can: {', '.join(near)}"
            raise ValueError(msg)
        try:
            return known[self.tuner](target_modules=list(chain.from_iterable(modules.values())), **self.options)
        except (TypeError, ValueError) as error:
            msg = f"PeftTuner.options: {self.tuner} does not take {self.options}: {error}"
            raise ValueError(msg) from error
