"""FS-SAM2's published layout: files as their code writes them, with three modules wrapped by peft itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from builders import frames, mask_prompt, nano, randomise
from sansa_lightning import ClipBatch, load
from sansa_lightning.checkpoints.adapters import attach_from, read_adapter, scored_as_trained
from sansa_lightning.checkpoints.published import published_adapter
from sansa_lightning.methods.fs_sam2 import FsSam2
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.model import ModelParts
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.trackers.zoo import Base

if TYPE_CHECKING:
    from sansa_lightning.trackers.base import Tracker

WRAPS = {
    "image_encoder": (4, ["qkv", "proj"]),
    "memory_attention": (32, ["q_proj", "k_proj", "v_proj", "out_proj"]),
    "memory_encoder": (32, ["out_proj"]),
}
"""Module, rank and ends of names (docs/fs_sam2.md 1)."""

QKV = "image_encoder.base_model.model.trunk.blocks.3.attn.qkv"


def wrapped(sam: Tracker) -> Tracker:
    """Another tracker than ours in all that matters: its modules are peft's models, with random matrices."""
    import peft

    sam.requires_grad_(False)
    for name, (rank, targets) in WRAPS.items():
        config = peft.LoraConfig(r=rank, lora_alpha=16, lora_dropout=0.1, target_modules=targets)
        setattr(sam, name, peft.get_peft_model(getattr(sam, name), config))
    randomise(sam)
    return sam.eval()


def logits_of(sam: Tracker) -> Tensor:
    images = frames(1, 3)
    masks = torch.zeros(1, 3, 96, 96, dtype=torch.uint8)
    with torch.inference_mode():
        found: Tensor = FsSam2().eval()(sam, ClipBatch((), images, masks, ((mask_prompt(),),)), False).logits
    return found


def written(folder: Path, content: Any) -> Path:
    path = folder / "best.pt"
    torch.save(content, path)
    return path


LAYOUTS = {
    "bare": dict,
    "model": lambda state: {"model": state, "epoch": 3},
    "state_dict": lambda state: {"state_dict": state},
    "module. prefix": lambda state: {f"module.{key}": value for key, value in state.items()},
    "sam2. prefix": lambda state: {f"sam2.{key}": value for key, value in state.items()},
}


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_brings_all_of_its_tensors(tmp_path: Path, layout: str) -> None:
    theirs, sam = wrapped(nano()), nano()
    state = theirs.state_dict()
    path = written(tmp_path, LAYOUTS[layout](state))
    strategy = attach_from(path, sam)
    assert isinstance(strategy, LoRA)
    assert strategy.rank == {"trunk": 4, "memory_attention": 32, "memory_encoder": 32}
    assert len(sam.state_dict()) == len(state)
    assert torch.equal(logits_of(sam), logits_of(theirs))
    assert not torch.equal(logits_of(sam), logits_of(nano()))
    found = read_adapter(path, nano())
    assert len(found.state) == 2 * 35
    assert isinstance(found.build_method(), FsSam2)


def test_from_python(tmp_path: Path) -> None:
    theirs = wrapped(Base("nano").build())
    found = load("nano", adapter=written(tmp_path, theirs.state_dict()))
    assert isinstance(found.model.method, FsSam2)
    with torch.inference_mode():
        logits = found.propagate(frames(1, 3), [[mask_prompt()]], propagate_targets=False)
    assert torch.equal(logits, logits_of(theirs))


OTHER_BASE = (
    r"best\.pt: its frozen weights are not those of this base: {}; FS-SAM2's base is sam2\.1_hiera_base_plus with"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: state.pop("no_mem_embed"),
            OTHER_BASE.format(r"missing 1 tensor, first '?no_mem_embed'?"),
        ),
        (
            lambda state: state.update(no_obj_ptr=torch.zeros(1, 96)),
            OTHER_BASE.format(r"unexpected 1 tensor, first '?no_obj_ptr'?"),
        ),
        (
            lambda state: state.update({f"{QKV}.base_layer.bias": torch.zeros(384)}),
            OTHER_BASE.format(r"1 tensor with other values, first image_encoder\.trunk\.blocks\.3\.attn\.qkv\.bias"),
        ),
        (
            lambda state: state.update({f"{QKV}.base_layer.bias": torch.zeros(3)}),
            OTHER_BASE.format(r"1 tensor of another size, first .*qkv\.bias'?: \[3\] in the file, \[384\] here"),
        ),
        (
            lambda state: state.update({f"{QKV}.base_layer.bias": 3}),
            OTHER_BASE.format(r"1 entry other than dense tensors, first .*qkv\.bias'?: a int"),
        ),
        (
            lambda state: state.update({f"module.{QKV}.base_layer.bias": torch.zeros(384)}),
            r"best\.pt: '?image_encoder\.trunk\.blocks\.3\.attn\.qkv\.bias'? occurs twice, with different prefixes",
        ),
        (
            lambda state: state.pop(f"{QKV}.lora_A.default.weight"),
            r"best\.pt.* does not fit what trains here: missing 1 tensor, first .*blocks\.3\.attn\.qkv\.lora_A",
        ),
        (
            lambda state: state.update({f"{QKV}.lora_A.default.weight": torch.zeros(5, 128)}),
            r"does not fit what trains here: 1 tensor of another size, first .*qkv\.lora_A.*\[5, 128\] in the file",
        ),
        (
            lambda state: state.update({f"{QKV}.lora_A.default.weight": torch.full((4, 128), torch.nan)}),
            r"does not fit what trains here: 1 tensor with NaN or infinity, first .*qkv\.lora_A",
        ),
        (
            lambda state: [state.pop(key) for key in list(state) if key.startswith("memory_encoder") and "lora" in key],
            r"it has no memory_encoder\.<\.\.\.>\.lora_A\.default\.weight; expected LoRA in all of image_encoder, ",
        ),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, change: Any, message: str) -> None:
    state = dict(wrapped(nano()).state_dict())
    change(state)
    with pytest.raises(ValueError, match=message) as caught:
        attach_from(written(tmp_path, state), nano())
    assert "\n" not in str(caught.value)


def test_ranks_are_those_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WRAPS, "image_encoder", (2, ["qkv", "proj"]))
    sam = nano()
    assert attach_from(written(tmp_path, wrapped(nano()).state_dict()), sam).rank["trunk"] == 2


# --- in the place of a checkpoint -------------------------------------------------------------------------------------


def parts(strategy: Any, method: Any) -> ModelParts:
    return ModelParts(Base("nano"), strategy, method)


def test_it_is_known_by_its_names_and_not_resumed(tmp_path: Path) -> None:
    state, path = wrapped(nano()).state_dict(), tmp_path / "best.pt"
    assert published_adapter(state, path, "test") == path
    assert published_adapter({"state_dict": state}, path, "test") == path
    with pytest.raises(ValueError, match=r"best\.pt is a published adapter, which holds no state of a run to resume"):
        published_adapter(state, path, "fit")


def test_it_is_scored_as_trained(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    theirs = wrapped(nano())
    path = written(tmp_path, theirs.state_dict())
    whole = LoRA("all", TARGETS, RANKS, 16.0, dropout=0.3)
    found = scored_as_trained(path, parts(whole, FsSam2(stability=None)), nano())
    assert not caplog.records
    assert found.method.stability is None  # how it is scored is the configuration's
    scored_as_trained(path, parts(LoRA(), FsSam2()), nano())
    (said,) = caplog.messages
    assert (
        f"adapter {path} is scored with its own settings: placement [0, 1, 2, 3] (model.strategy says [2, 3])" in said
    )
    with pytest.raises(ValueError, match=r"it holds LoRA's tensors, but model\.strategy is AdaptFormer; use the strat"):
        scored_as_trained(path, parts(AdaptFormer(), FsSam2()), nano())
    with pytest.raises(
        ValueError, match=r"it was trained with FsSam2, but model\.method is Sansa; use the method that"
    ):
        scored_as_trained(path, parts(whole, Sansa()), nano())


TARGETS = {
    "trunk": ["qkv", "proj"],
    "memory_attention": ["q_proj", "k_proj", "v_proj", "out_proj"],
    "memory_encoder": ["out_proj"],
}
RANKS = {"trunk": 4, "memory_attention": 32, "memory_encoder": 32}
