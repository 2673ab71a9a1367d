"""Other tuners of peft: what it cannot inject, and options it does not take; see rows.py and test_lora.py too."""

from __future__ import annotations

from typing import Any

import pytest

from sansa_lightning.strategies.peft_tuner import PeftTuner


@pytest.mark.parametrize(
    ("tuner", "options", "message"),
    [
        ("LOAH", {}, r"PeftTuner\.tuner: peft cannot inject 'LOAH'; nearest it can: .*LOHA"),
        ("VERA", {}, r"PeftTuner\.tuner: peft cannot inject 'VERA'"),
        (
            "LOHA",
            {"rank": 4},
            r"PeftTuner\.options: LOHA does not take \{'rank': 4\}: .*unexpected keyword argument 'rank'",
        ),
        ("PREFIX_TUNING", {}, r"PeftTuner\.tuner: peft cannot inject 'PREFIX_TUNING'"),
    ],
)
def test_tuners_and_options_that_are_not_there(tuner: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PeftTuner(tuner, options=options)
