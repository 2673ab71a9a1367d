"""The model on its own: references once, targets many times, several classes; what trains and in which mode."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from builders import frames, largest_difference, mask_prompt, model, nano, prompts_of_each_kind, propagation, randomise
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.strategies.lora import LoRA


def test_targets_of_several_classes_equal_clips_of_one_class_each():
    """Classes of one, one and two references; every target is encoded once for all of them."""
    sam = nano()
    segmenter, images = model(sam), frames(1, 6)[0]
    mask, _, three, box = prompts_of_each_kind()
    classes = [([0], [mask]), ([1], [box]), ([2, 3], [three, mask_prompt(corner=40)])]
    encoded = []
    with torch.inference_mode():
        memories = [segmenter.remember(images[numbers], prompts) for numbers, prompts in classes]
        handle = sam.image_encoder.register_forward_hook(lambda _, inputs, __: encoded.append(len(inputs[0])))
        found = segmenter.segment(memories, images[4:])
        handle.remove()
        for number, (references, prompts) in enumerate(classes):
            clip = images[[*references, 4, 5]][None]
            expected = propagation()(sam, clip, [prompts], propagate_targets=False).logits[0, len(references) :]
            assert largest_difference(found.logits[number], expected) <= 1e-5
    assert encoded == [2]
    assert found.logits.shape == (3, 2, 96, 96)
    assert found.iou.shape == (3, 2)
    assert ((found.iou >= 0) & (found.iou <= 1)).all()
    assert largest_difference(found.logits[0], found.logits[1]) > 0.1


def test_bytes_and_normalised_floats_are_the_same_picture():
    segmenter = model(nano())
    pictures = torch.randint(0, 256, (2, 3, 96, 96), generator=torch.Generator().manual_seed(0)).byte()
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    floats = (pictures / 255 - mean) / std
    with torch.inference_mode():
        answers = [
            segmenter.segment([segmenter.remember(images[:1], [mask_prompt()])], images[1:]).logits
            for images in (pictures, floats)
        ]
    assert largest_difference(*answers) <= 1e-4


class Judge(Sansa):
    """A method with a network that trains and one that does not."""

    def __init__(self) -> None:
        super().__init__()
        self.trained = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
        self.frozen = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))

    def attach(self, tracker):
        super().attach(tracker)
        self.trained.requires_grad_(True)


def test_what_trains_of_a_method_is_named_beside_what_a_strategy_trains():
    judged = model(nano(), AdaptFormer([3]), Judge())
    names = {name.split(".")[0] for name in judged.trained()}
    assert names == {"base", "method"}
    assert {name for name in judged.trained() if name.startswith("method.")} == {
        "method.trained.0.weight",
        "method.trained.0.bias",
    }
    judged.train()
    assert judged.method.training
    assert judged.method.trained[1].training
    assert not judged.method.frozen.training
    assert not judged.method.frozen[1].training
    assert not judged.base.image_encoder.training
    judged.eval()
    assert not any(module.training for module in judged.modules())


def test_the_header_names_the_method():
    header = model(nano(), AdaptFormer([3]), Sansa("invariant")).header()
    assert header["method"] == {
        "class": "Sansa",
        "settings": {"kshot_memory": "invariant", "mask_threshold": 0.0, "encode_chunk": None},
    }
    assert header["base"]["name"] == "nano"


@pytest.mark.parametrize("strategy", [FineTune("full"), LoRA(targets={"mask_decoder": ["q_proj"]})])
def test_what_the_method_leaves_unused_stays_frozen(strategy):
    """Of a strategy that is told nothing of prompts, only what no clip uses."""
    built = model(nano(), strategy)
    randomise(built)
    assert built.trained()
    assert not any("iou_prediction_head" in name for name in built.trained())
