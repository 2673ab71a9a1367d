"""Training as SANSA, scoring by another method."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from builders import frames, mask_prompt, randomise
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.checkpoints.trained import load_checkpoint, trained_state
from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.methods.base import Method
from sansa_lightning.methods.calibrated import Calibrated
from sansa_lightning.methods.fs_sam2 import FsSam2
from sansa_lightning.methods.prototype import Prototype
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.methods.sansa_then import SansaThen
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.trackers.zoo import Base

BATCH = ClipBatch((), frames(1, 3), torch.zeros(1, 3, 96, 96), ((mask_prompt(),),))


def adapted(method: Method) -> FewShotModel:
    model = FewShotModel(Base("nano", weights=None).build(), AdaptFormer((2, 3)), method, "nano")
    randomise(model)
    return model.eval()


def logits(model: FewShotModel, propagate_targets: bool) -> Tensor:
    with torch.inference_mode():
        return model(BATCH, propagate_targets=propagate_targets).logits


@pytest.mark.slow
@pytest.mark.parametrize("scored_by", [Prototype(), Calibrated()], ids=lambda method: type(method).__name__)
def test_it_trains_as_sansa_and_is_scored_by_the_other(scored_by: Method) -> None:
    then, sansa, other = adapted(SansaThen(scored_by)), adapted(Sansa()), adapted(scored_by)
    assert trained_state(then).keys() == trained_state(sansa).keys()
    for prompts in ("mask", None):
        assert then.method.unused(prompts) == sansa.method.unused(prompts)
    assert torch.equal(logits(then, True), logits(sansa, True))
    assert torch.equal(logits(then, False), logits(other, False))
    assert not torch.equal(logits(then, False), logits(sansa, False))


def test_remembered_references_are_the_others() -> None:
    then, other = adapted(SansaThen(Prototype())), adapted(Prototype())
    with torch.inference_mode():
        found = [
            each.segment([each.remember(BATCH.images[0, :1], BATCH.prompts[0])], BATCH.images[0, 1:]).logits
            for each in (then, other)
        ]
    assert torch.equal(*found)


def test_its_checkpoint_says_both() -> None:
    trained = adapted(SansaThen(Prototype()))
    content = {HEADER: trained.header(), "state_dict": trained_state(trained)}
    load_checkpoint(adapted(SansaThen(Prototype())), content, "file")
    with pytest.raises(ValueError, match="its method class is 'SansaThen', but here it is 'Sansa'"):
        load_checkpoint(adapted(Sansa()), content, "file")
    again = SansaThen.from_settings(trained.method.settings())
    assert again.settings() == trained.method.settings()
    assert isinstance(again.scored_by, Prototype)
    with pytest.raises(ValueError, match="Method 'Unheard' is not known"):
        SansaThen.from_settings({"scored_by": {"class": "Unheard", "settings": {}}})


def test_a_method_with_a_training_of_its_own_is_refused() -> None:
    with pytest.raises(ValueError, match=r"SansaThen\.scored_by: expected a method for SANSA's .* but got FsSam2"):
        SansaThen(FsSam2())
