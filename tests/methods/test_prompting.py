"""Prompts and features to masks: groups of prompts, and the choice among a target's three masks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from builders import frames, largest_difference, nano, prompts_of_each_kind
from sansa_lightning.methods.prompting import BEST, decode_corrections, decode_references
from sansa_lightning.trackers.base import NO_PROMPT


def test_prompts_of_one_group_share_a_call_and_keep_their_order() -> None:
    sam, sizes = nano(), []
    sam.sam_mask_decoder.register_forward_hook(lambda *args: sizes.append(len(args[2][0])))
    mask, one, three, box = prompts_of_each_kind()
    prompts = [box, mask, three, one, mask, box]  # groups: 2 points twice, dense twice, 3 points, 1 point
    with torch.inference_mode():
        features = sam.encode(frames(1, 6)[0])
        together = decode_references(sam, features, prompts, (96, 96), 0.0)
        assert sizes == [2, 2, 1, 1]
        for frame, prompt in enumerate(prompts):
            alone = decode_references(sam, features.select(torch.tensor([frame])), [prompt], (96, 96), 0.0)
            assert largest_difference(together.masks[frame], alone.masks[0]) <= 1e-5
            assert largest_difference(together.pointers[frame], alone.pointers[0]) <= 1e-5
            assert largest_difference(together.remembered[frame], alone.remembered[0]) <= 1e-5


@pytest.mark.parametrize("best", [0, 1, 2])
def test_a_target_is_the_mask_with_the_best_predicted_iou(best: int) -> None:
    sam, raw = nano(), {}

    def prefer(_module: object, _inputs: object, output: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        masks, ious, tokens, scores = output
        raw.update(masks=masks, tokens=tokens)
        return masks, torch.eye(3)[best].expand_as(ious), tokens, scores

    sam.sam_mask_decoder.register_forward_hook(prefer)
    with torch.inference_mode():
        decoded = sam.decode(sam.encode(frames(1, 2)[0]), NO_PROMPT, BEST)
        pointer = sam.obj_ptr_proj(raw["tokens"][:, best])
    assert raw["masks"].shape[1] == 3
    assert torch.equal(decoded.mask[:, 0], raw["masks"][:, best])
    assert torch.equal(decoded.pointer, pointer)


@pytest.mark.parametrize("clicks", [1, 2])
def test_a_correction_reads_clicks_and_the_last_answer(clicks: int) -> None:
    """As the sam2 package has it: clicks in pixels of its input, the answer clipped at 32; of three masks after one."""
    sam = nano()
    coords = torch.tensor([[[10.0, 20.0], [33.5, 7.0]], [[40.0, 5.0], [12.0, 30.0]]])[:, :clicks]
    labels = torch.tensor([[0, 1], [0, 0]], dtype=torch.int32)[:, :clicks]
    with torch.inference_mode():
        features = sam.encode(frames(1, 2)[0])
        last = sam.decode(features, NO_PROMPT, BEST).mask * 1000
        assert last.abs().max() > 32
        corrected = decode_corrections(sam, features, coords, labels, last, (48, 48))
        stock = sam._forward_sam_heads(
            features.image,
            point_inputs={"point_coords": coords * 2, "point_labels": labels},
            mask_inputs=last.clamp(-32, 32),
            high_res_features=list(features.fine),
            multimask_output=clicks == 1,
        )
        other = decode_corrections(sam, features, coords, 1 - labels, last, (48, 48))
    assert largest_difference(corrected.mask, stock[3]) <= 1e-5
    assert largest_difference(corrected.pointer, stock[5]) <= 1e-5
    assert largest_difference(corrected.mask, other.mask) > 1e-2
