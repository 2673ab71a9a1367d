"""Videos tracked by the sessions of the transformers library, and by a tracker under the same rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sansa_lightning.methods.memory import RELEASED, MemoryBank
from sansa_lightning.trackers.base import NO_PROMPT, DecoderPrompt, DecodeRule, Memory

if TYPE_CHECKING:
    from sansa_lightning.trackers.base import Tracker

BEST = DecodeRule("best", gate=True)


def random_weights(model: nn.Module, seed: int = 0) -> None:
    """Random values for everything, none of them 0 as the library begins; every object is there for sure."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            fan_in = parameter[0].numel() if parameter.shape[0] > 1 else parameter.shape[-1]
            parameter.data.normal_(std=0.7 * fan_in**-0.5, generator=generator)
        else:
            parameter.data.normal_(mean="norm" in name and name.endswith("weight"), std=0.1, generator=generator)
    model.prompt_encoder.shared_embedding.positional_embedding.copy_(model.shared_image_embedding.positional_embedding)
    model.mask_decoder.pred_obj_score_head.proj_out.bias.data.fill_(50)  # absent objects have rules of their own


def by_session(model: nn.Module, session_class: type, frames: Tensor, mask: Tensor) -> Tensor:
    """Logits of the frames after the first, which has the mask, float32 [T - 1, 4h, 4w].

    Args:
        model: of the library.
        session_class: its session.
        frames: as the model takes them, float32 [T, 3, S, S].
        mask: float32 [S, S] in {0, 1}.
    """
    side = frames.shape[-1]
    session: Any = session_class(frames, side, side, dtype=torch.float32)
    session.add_mask_inputs(session.obj_id_to_idx(1), 0, mask[None, None])
    session.obj_with_new_inputs = [1]
    found = [model(session, frame_idx=frame) for frame in range(len(frames))]
    assert min(float(each.object_score_logits) for each in found) > 0
    return torch.stack([each.pred_masks[0, 0] for each in found[1:]])


@torch.inference_mode()
def by_tracker(tracker: Tracker, frames: Tensor, mask: Tensor, size: int) -> Tensor:
    """The same by the contract of a tracker, under the session's rules.

    The session binarises the memory of a given mask, takes the best of three masks for its pointer as for each frame,
    and keeps spatial memories as bfloat16.

    Args:
        tracker: with the same weights.
        frames: as the tracker takes them, float32 [T, 3, S, S].
        mask: float32 [S, S] in {0, 1}.
        size: side of the memory encoder's masks.
    """
    features = tracker.encode(frames)
    parts = [features.select(torch.tensor([frame])) for frame in range(len(frames))]
    given = DecoderPrompt(mask=tracker.mask_prompt(mask[None, None]))
    pointer = tracker.decode(parts[0], given, BEST).pointer
    logits = F.interpolate(mask[None, None] * 20 - 10, (size, size), mode="bilinear", antialias=True)
    bank = MemoryBank(1, RELEASED, [_rounded(tracker.remember(parts[0], (logits > 0) * 20.0 - 10, pointer))])
    masks = []
    for part in parts[1:]:
        decoded = tracker.decode(bank.condition(tracker, part, len(frames)), NO_PROMPT, BEST)
        masks.append(decoded.mask[0, 0])
        written = RELEASED.written(tracker.full_resolution(decoded.mask))
        bank.frames.append(_rounded(tracker.remember(part, written, decoded.pointer)))
    return torch.stack(masks)


def _rounded(memory: Memory) -> Memory:
    return memory._replace(features=memory.features.bfloat16().float())
