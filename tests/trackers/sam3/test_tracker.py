"""SAM 3's tracker: the library's own results, the contract of a tracker, and what strategies promise on it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import sansa_lightning
from builders import UNUSED, frames, mask_prompt, pictures, prompts_of_each_kind, randomise
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.checkpoints.trained import trained_state
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import trained_parameters
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.strategies.houlsby import Houlsby
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.strategies.mona import Mona
from sansa_lightning.strategies.without import Without
from sansa_lightning.trackers.base import NO_PROMPT, PARTS, DecodeRule
from sansa_lightning.trackers.weights import find_weights, load_weights
from sansa_lightning.trackers.zoo import Base
from video_sessions import by_session, by_tracker, random_weights

pytest.importorskip("transformers")

from fakes.tiny_sam3 import GRID, SIDE, tiny_config
from sansa_lightning.trackers.sam3.tracker import Sam3Tracker

if TYPE_CHECKING:
    from pathlib import Path


TINY = Base("fakes.tiny_sam3.TinySam3", weights=None)
SIZE = (SIDE, SIDE)


def library_model() -> Any:
    from transformers import Sam3TrackerVideoModel

    torch.manual_seed(0)  # of the positions, which are no parameters
    model = Sam3TrackerVideoModel(tiny_config()).eval()
    random_weights(model)
    return model


def tiny() -> Sam3Tracker:
    return Sam3Tracker(library_model()).eval()


def tracked(tracker: Any, prompt: Any = None) -> Tensor:
    """Logits of three targets, each prediction being memory for the next."""
    with torch.inference_mode():
        return Propagation()(tracker, frames(1, 4, SIZE), [[prompt or mask_prompt(SIZE)]]).logits


def test_a_tracked_video_is_the_librarys() -> None:
    from transformers.models.sam3_tracker_video.modeling_sam3_tracker_video import Sam3TrackerVideoInferenceSession

    tracker, video, mask = tiny(), frames(1, 4, SIZE)[0], torch.zeros(SIZE)
    mask[20:60, 30:80] = 1
    pixels = video * tracker.pixel_scale + tracker.pixel_shift
    expected = by_session(library_model(), Sam3TrackerVideoInferenceSession, pixels, mask)
    assert expected.std() > 0.05
    torch.testing.assert_close(by_tracker(tracker, video, mask, 16 * GRID), expected, rtol=0, atol=1e-5)


def test_the_state_dict_has_the_librarys_names() -> None:
    theirs = library_model().state_dict()
    ours = tiny().state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_bytes_become_numbers_from_minus_one_to_one() -> None:
    tracker, images = tiny(), pictures(1, 2, SIZE)[0]
    torch.testing.assert_close(tracker._pixels(images), images / 127.5 - 1, rtol=0, atol=1e-6)
    assert tracker.encode(images).image.shape == (2, 128, GRID, GRID)


def test_clips_of_a_batch_do_not_meet() -> None:
    tracker, images = tiny(), frames(2, 3, SIZE)
    prompts = [[prompt] for prompt in prompts_of_each_kind(SIZE)[1:3]]
    with torch.inference_mode():
        both = Propagation()(tracker, images, prompts).logits
        for clip in range(2):
            alone = Propagation()(tracker, images[clip : clip + 1], prompts[clip : clip + 1]).logits
            torch.testing.assert_close(both[clip], alone[0], rtol=1e-4, atol=1e-5)


def test_stages_end_where_a_block_looks_at_the_whole_image() -> None:
    tracker, images, heard = tiny(), frames(1, 2, SIZE)[0], {}
    assert [block.stage for block in tracker.blocks()] == [0, 0, 1, 1, 2, 2, 3, 3]
    handles = [tracker.tap(place, lambda out, place=place: heard.update({place: out})) for place in ("stage 2", "neck")]
    with torch.inference_mode():
        features, maps = tracker.encode(images), tracker.stages(images)
        theirs = library_model().vision_encoder(tracker._pixels(images), output_hidden_states=True)
    assert len(handles) == 2
    assert torch.equal(heard["stage 2"], maps[2])
    assert torch.equal(heard["neck"], features.image)
    torch.testing.assert_close(maps[3].flatten(2).mT, theirs.last_hidden_state, rtol=0, atol=1e-6)


def test_every_parameter_is_in_one_part() -> None:
    tracker = tiny()
    found = [name for part in PARTS if part != "qkv" for name in tracker.in_part(part)]
    assert sorted(found) == sorted(name for name, _ in tracker.named_parameters())
    assert len(tracker.in_part("qkv")) == 8 * 3 * 2


def test_a_bias_of_zero_changes_nothing_and_another_does() -> None:
    tracker, seen = tiny(), []

    def attended(bias: Any) -> Tensor:
        features = tracker.encode(frames(1, 2, SIZE)[0])
        first = features.select(torch.tensor([0]))
        memory = tracker.remember(first, torch.ones(1, 1, 128, 128), torch.ones(1, 128))
        tokens = tracker.tokens([(memory, 6)], [(memory, 1)], 2)
        assert (len(tokens.keys), tokens.pointers) == (GRID**2 + 2, 2)
        return tracker.attend(features.select(torch.tensor([1])), tokens, bias).image

    def bias(query: Tensor, key: Tensor) -> Tensor:
        seen.append((query.shape, key.shape))
        return torch.zeros(1, 1, 1, key.shape[-2])

    with torch.inference_mode():
        plain = attended(None)
        torch.testing.assert_close(attended(bias), plain, rtol=0, atol=1e-5)
        assert not torch.allclose(attended(lambda q, k: torch.arange(k.shape[-2]).reshape(1, 1, 1, -1) / 9.0), plain)
    assert seen == [((1, 1, 64, 128), (1, 1, 66, 128))] * 2


def test_rules_choose_among_its_masks() -> None:
    tracker = tiny()
    with torch.inference_mode():
        features = tracker.encode(frames(1, 2, SIZE)[0])
        single, best = (tracker.decode(features, NO_PROMPT, DecodeRule(masks)) for masks in ("single", "best"))
        unstable = tracker.decode(features, NO_PROMPT, DecodeRule("single", stability=1.1))
        tracker.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(-50)
        gated = tracker.decode(features, NO_PROMPT, DecodeRule("best", gate=True))
    assert single.mask.shape == (2, 1, 4 * GRID, 4 * GRID)
    assert not torch.equal(single.mask, best.mask)
    assert torch.equal(unstable.mask, best.mask)
    assert (gated.mask == -1024).all()
    assert (gated.object_score < 0).all()


# --- strategies -------------------------------------------------------------------------------------------------------

ADAPTERS = {
    # Norm, down and up of eight blocks' last four: 2 · 32, 32 · 9 + 9, 9 · 32 + 32.
    "AdaptFormer": (lambda: AdaptFormer((2, 3)), r"layers\.[4-7]\.adapter\.", 4 * (64 + 297 + 320)),
    "one block": (lambda: AdaptFormer("blocks 5"), r"layers\.5\.adapter\.", 64 + 297 + 320),
    "LoRA": (lambda: LoRA((3,), rank=2), r"layers\.[67]\.attention\.[qkv]_proj\.lora", 2 * 3 * 2 * 64),
    "LoRA of a part": (
        lambda: LoRA((3,), {"trunk": ["o_proj"], "memory_attention": ["q_proj"]}, rank=2),
        r"(backbone\.layers\.[67]\.attention\.o_proj|memory_attention\..*q_proj)\.lora",
        2 * 2 * 64 + 4 * 2 * 256,
    ),
    "Houlsby": (lambda: Houlsby((3,), 4), r"layers\.[67]\.houlsby\.", 2 * 2 * (4 * 33 + 32 * 5)),
    "Mona": (lambda: Mona((3,), 4), r"layers\.[67]\.mona\.", None),
}


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_begins_as_nothing_trains_alone_and_can_be_left_out(name: str) -> None:
    build, pattern, count = ADAPTERS[name]
    tracker = TINY.build()
    random_weights(tracker)
    plain = tracked(tracker)
    torch.manual_seed(0)
    build().attach(tracker, UNUSED)
    assert torch.equal(tracked(tracker), plain)
    trained = trained_parameters(tracker)
    assert all(re.search(pattern, each) for each in trained)
    assert count is None or sum(each.numel() for each in trained.values()) == count
    randomise(tracker)
    assert not torch.equal(tracked(tracker), plain)
    with Without(tracker):
        assert torch.equal(tracked(tracker), plain)
    Propagation()(tracker, frames(1, 3, SIZE), [[mask_prompt(SIZE)]]).logits[:, 1:].square().mean().backward()
    gradients = {each: parameter.grad for each, parameter in tracker.named_parameters()}
    assert {each for each, gradient in gradients.items() if gradient is not None} == trained.keys()


@pytest.mark.parametrize("insertion", ["parallel", "sequential"])
def test_adaptformer_is_beside_or_after_the_mlp(insertion: Any) -> None:
    tracker, kept = tiny(), {}
    AdaptFormer("blocks 5", insertion=insertion).attach(tracker)
    randomise(tracker)
    block = tracker.blocks()[5].module
    block.layer_norm2.register_forward_pre_hook(lambda _m, inputs: kept.update(x=inputs[0]))
    block.register_forward_hook(lambda _m, _i, out: kept.update(y=out))
    with torch.inference_mode():
        tracker.encode(frames(1, 1, SIZE)[0])
        x = kept["x"]
        inside = block.mlp.fc2(block.mlp.activation_fn(block.mlp.fc1(block.layer_norm2(x))))
        expected = x + inside + block.adapter(x if insertion == "parallel" else inside)
    torch.testing.assert_close(kept["y"], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [0, 1])
def test_all_that_a_fine_tune_trains_gets_a_gradient(kind: int) -> None:
    tracker = tiny()
    FineTune("full", prompts=("mask", "points")[kind]).attach(tracker, UNUSED)
    prompt = prompts_of_each_kind(SIZE)[kind]
    logits = Propagation()(tracker, frames(1, 4, SIZE), [[prompt]]).logits
    logits[:, 1:].square().mean().backward()
    without = [name for name, each in trained_parameters(tracker).items() if each.grad is None]
    assert without == []


def test_recomputing_changes_no_gradient() -> None:
    def gradients(recompute: bool) -> list[Tensor]:
        tracker = tiny()
        torch.manual_seed(0)
        AdaptFormer((2, 3)).attach(tracker)
        randomise(tracker)
        if recompute:
            tracker.recompute()
        Propagation()(tracker, frames(1, 3, SIZE), [[mask_prompt(SIZE)]]).logits[:, 1:].mean().backward()
        return [each.grad for each in trained_parameters(tracker).values() if each.grad is not None]

    for plain, again in zip(gradients(False), gradients(True), strict=True):
        torch.testing.assert_close(plain, again)


def test_a_checkpoint_is_loaded_from_python(tmp_path: Path) -> None:
    model = FewShotModel(TINY.build(), AdaptFormer((2, 3)), Sansa(), TINY.name)
    randomise(model)
    path = tmp_path / "last.ckpt"
    torch.save({HEADER: model.header(), "state_dict": trained_state(model)}, path)
    loaded = sansa_lightning.load(TINY.name, weights=None, adapter=path)
    assert torch.equal(tracked(loaded.model.base), tracked(model.eval().base))
    images = pictures(1, 2, SIZE)[0].permute(0, 2, 3, 1).numpy()
    (mask,) = loaded.segment((images[0], mask_prompt(SIZE)), images[1])
    assert mask.shape == SIZE
    short = loaded.bfloat16().propagate(pictures(1, 2, SIZE), [[mask_prompt(SIZE)]])
    assert short.isfinite().all()


# --- weights ----------------------------------------------------------------------------------------------------------


def published(folder: Path) -> Path:
    """A file with the names of the published one, and something of the detector, which the library reads too."""
    model, state = library_model(), {}
    for name, value in model.state_dict().items():
        place = "tracker_model."
        if name.startswith("vision_encoder.backbone."):
            place = "detector_model."
        elif name.startswith("vision_encoder.neck."):
            place, name = "tracker_neck.", name.removeprefix("vision_encoder.neck.")
        state[place + name] = value.clone().contiguous()
    state["detector_model.detr_decoder.norm.weight"] = torch.ones(3)
    state["detector_model.vision_encoder.neck.fpn_layers.0.proj1.bias"] = torch.ones(3)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    model.config.save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_the_published_file_is_read_as_the_library_reads_it(tmp_path: Path) -> None:
    from transformers import Sam3TrackerVideoModel

    folder, expected = published(tmp_path), library_model().state_dict()
    theirs = Sam3TrackerVideoModel.from_pretrained(folder).state_dict()
    ours = Base(TINY.name, weights=folder).build().state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in theirs.items())
    assert ours.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in ours.items())


def test_a_file_of_the_tracker_alone_and_one_that_lacks_a_tensor(tmp_path: Path) -> None:
    state = {name: value.clone().contiguous() for name, value in library_model().state_dict().items()}
    save_file(state, tmp_path / "whole.safetensors")
    tracker = TINY.build()
    load_weights(tracker, tmp_path / "whole.safetensors")
    assert torch.equal(tracker.no_memory_embedding, state["no_memory_embedding"])
    del state["no_memory_embedding"]
    save_file(state, tmp_path / "less.safetensors")
    with pytest.raises(
        ValueError, match=r"less\.safetensors does not fit this base: missing 1 tensor, first no_memory_"
    ):
        load_weights(tracker, tmp_path / "less.safetensors")


def test_where_the_published_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, str] = {}
    monkeypatch.setattr(
        "huggingface_hub.hf_hub_download", lambda **names: (asked.update(names), str(tmp_path / "m"))[1]
    )
    monkeypatch.setenv("SANSA_WEIGHTS", str(tmp_path))
    find_weights("sam3", "official")
    assert asked == {"repo_id": "facebook/sam3", "filename": "model.safetensors"}
    (tmp_path / "sam3.safetensors").touch()
    assert find_weights("sam3", "official") == tmp_path / "sam3.safetensors"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 1024}, r"Base\.image_size: expected a multiple of 14 pixels, but got 1024"),
        (
            {"object_scores": True},
            r"Base\.object_scores: expected false for sam3, which always has its own, but got true",
        ),
    ],
)
def test_options_that_it_does_not_have(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Base("sam3", **options)


def test_without_the_library_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sansa_lightning.trackers.sam3.build.find_spec", lambda _: None)
    message = r"^Base\.name: sam3 needs the transformers library: pip install 'sansa_lightning\[transformers\]'$"
    with pytest.raises(ValueError, match=message):
        Base("sam3")
