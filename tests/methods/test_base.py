"""What every method has by its base class: answers by its forward pass, and a trained state of its own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from builders import frames, mask_prompt, nano
from sansa_lightning import ClipBatch, Prompt
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.checkpoints.trained import load_checkpoint, trained_state
from sansa_lightning.methods.base import Answers, Masks, Method
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.frozen import Frozen
from sansa_lightning.trackers.base import Tracker


class Toy(Method):
    """How grey a frame is against the references' foreground; one layer trains, the others are frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Linear(1, 1)
        self.frozen = nn.Sequential(nn.Conv2d(3, 1, 3, padding=1), nn.BatchNorm2d(1), nn.Dropout(0.5))
        for parameter in self.frozen.parameters():
            nn.init.constant_(parameter, 0.1)

    def attach(self, tracker: Tracker) -> None:
        super().attach(tracker)
        self.scale.requires_grad_(True)

    def forward(self, tracker: Tracker, batch: ClipBatch, propagate_targets: bool) -> Masks:
        grey = self.frozen(batch.images.flatten(0, 1)).unflatten(0, batch.images.shape[:2])[:, :, 0]
        wanted = torch.stack([grey[b, k][prompt.dense > 0].mean() for b, k, prompt in numbered(batch)])
        low = self.scale((grey - wanted.reshape(len(grey), -1).mean(1)[:, None, None, None])[..., None])[..., 0]
        return Masks.of(low, (low.shape[-2], low.shape[-1]))


class OtherToy(Toy):
    """The same by another name."""


def numbered(batch: ClipBatch) -> list[tuple[int, int, Prompt]]:
    return [(b, k, prompt) for b, clip in enumerate(batch.prompts) for k, prompt in enumerate(clip)]


def toy(kind: type[Toy] = Toy, seed: int = 0) -> FewShotModel:
    torch.manual_seed(seed)
    return FewShotModel(nano(), Frozen(), kind(), "nano").eval()


def saved(model: FewShotModel) -> dict[str, Any]:
    return {HEADER: model.header(), "state_dict": trained_state(model)}


class TestAnswersByTheForwardPass:
    @pytest.mark.parametrize("shots", [1, 2])
    def test_each_class_is_a_clip_of_its_references_and_all_targets(self, shots: int) -> None:
        model, images = toy(), frames(2, shots + 3)
        images[1, shots:] = images[0, shots:]  # the same targets for both classes
        prompts = tuple(tuple(mask_prompt(corner=10 + 20 * b + k) for k in range(shots)) for b in range(2))
        truth = torch.zeros(2, shots + 3, 96, 96, dtype=torch.uint8)
        with torch.inference_mode():
            memories = [model.remember(images[b, :shots], prompts[b]) for b in range(2)]
            answers = model.segment(memories, images[0, shots:])
            expected = model(ClipBatch((), images, truth, prompts), propagate_targets=False).logits[:, shots:]
        assert answers.logits.shape == (2, 3, 96, 96)
        assert torch.equal(answers.logits, expected)
        assert not torch.equal(answers.logits[0], answers.logits[1])

    def test_bytes_stay_bytes(self) -> None:
        seen: list[Tensor] = []
        model = toy()
        model.method.forward = lambda tracker, batch, propagate_targets: (  # type: ignore[method-assign]
            seen.append(batch.images),
            Masks.of(torch.zeros(1, 3, 4, 4), (8, 8)),
        )[1]
        kept = model.remember(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), [mask_prompt((8, 8))])
        model.segment([kept], torch.ones(2, 3, 8, 8, dtype=torch.uint8))
        assert seen[0].dtype == torch.uint8
        assert seen[0][0, :, 0, 0, 0].tolist() == [0, 1, 1]

    def test_the_iou_is_of_mask_and_probabilities(self) -> None:
        logits = torch.tensor([0.8, 0.4, 0.6, 0.2]).logit().reshape(1, 1, 2, 2)
        # Mask 1, 0, 1, 0: in common 0.8 + 0.6, in either 1 + 0.4 + 1 + 0.2.
        assert float(Answers.of(logits).iou) == pytest.approx(1.4 / 2.6)
        sure = torch.tensor([[[[99.0, -99.0], [-99.0, 99.0]], [[-99.0, -99.0], [-99.0, -99.0]]]])
        assert Answers.of(sure).iou.tolist() == [[pytest.approx(1), pytest.approx(0)]]


class TestWhatTrains:
    def test_is_saved_and_what_is_frozen_is_not(self) -> None:
        assert trained_state(toy()).keys() == {"method.scale.weight", "method.scale.bias"}

    def test_survives_in_a_fresh_model(self) -> None:
        model, fresh = toy(seed=0), toy(seed=1)
        assert not torch.equal(model.method.scale.weight, fresh.method.scale.weight)
        load_checkpoint(fresh, saved(model), "file")
        assert torch.equal(model.method.scale.weight, fresh.method.scale.weight)
        assert torch.equal(model.method.scale.bias, fresh.method.scale.bias)

    @pytest.mark.parametrize("other", [OtherToy, Sansa])
    def test_is_refused_by_another_method(self, other: type[Method]) -> None:
        content, fresh = saved(toy()), FewShotModel(nano(), Frozen(), other(), "nano")
        message = rf"file: its method class is 'Toy', but here it is '{other.__name__}'; use the method that it was"
        with pytest.raises(ValueError, match=message):
            load_checkpoint(fresh, content, "file")

    def test_a_checkpoint_without_it_is_refused(self) -> None:
        content = saved(toy())
        del content["state_dict"]["method.scale.bias"]
        fresh = toy(seed=1)
        before = fresh.method.scale.weight.clone()
        with pytest.raises(ValueError, match=r"file does not fit what trains here: missing .*method\.scale\.bias"):
            load_checkpoint(fresh, content, "file")
        assert torch.equal(fresh.method.scale.weight, before)

    def test_is_in_train_mode_and_the_rest_in_eval(self) -> None:
        model = toy().train()
        modes = {name: part.training for name, part in model.method.named_modules() if name}
        assert modes == {"scale": True, **{name: False for name in modes if name.startswith("frozen")}}
        assert not any(part.training for part in model.base.modules())
        assert not any(part.training for part in model.eval().modules())
