"""Prompts and features to masks: SAM's prompt encoder and mask decoder, for a batch of frames (spec 1.2, step 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sansa_lightning.clip import Prompt
from sansa_lightning.sam2.encoder import Features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam2.modeling.sam2_base import SAM2Base

MASK_SCALE, MASK_BIAS = 20.0, -10.0
"""A mask prompt as logits: 20 m - 10 (spec 1.2, step 6)."""

LARGEST_LOGIT = 32.0
"""To which SAM 2 clips an answer that it reads as a prompt."""


class Decoded(NamedTuple):
    """What the decoder says of G frames.

    Attributes:
        mask: logits, float32 [G, 1, 4h, 4w].
        pointer: object pointer, [G, C].
    """

    mask: Tensor
    pointer: Tensor


class References(NamedTuple):
    """What is known of G references.

    Attributes:
        decoded: the decoder's own answer to the prompts: the reported masks, and the pointers.
        remembered: mask logits that go into memory, float32 [G, 1, S, S]; for a mask prompt they come from the
            prompt, for points and boxes from the answer.
    """

    decoded: Decoded
    remembered: Tensor


def decode_targets(sam: SAM2Base, features: Features) -> Decoded:
    """Masks of targets from features that were conditioned on memory: of three, the one with the best predicted IoU."""
    return _decode(sam, features, points=_no_points(features), dense=None, several=True)


def decode_corrections(
    sam: SAM2Base, features: Features, coords: Tensor, labels: Tensor, previous: Tensor, size: tuple[int, int]
) -> Decoded:
    """Masks of frames after clicks on them, as SAM 2 corrects a frame that it has tracked.

    The decoder gets the features conditioned on memory, all clicks so far, and its last answer as a mask prompt. One
    click leaves open what is meant, and the best of three masks is taken; after more of them there is one.

    Args:
        sam: the base.
        features: of G frames, conditioned on memory.
        coords: (x, y) of P clicks a frame, float32 [G, P, 2], in pixels of a frame of ``size``.
        labels: int32 [G, P], 1 foreground or 0 background.
        previous: logits of the last answer, float32 [G, 1, 4h, 4w].
        size: (H, W) of the clip.
    """
    height, width = size
    scale = coords.new_tensor([sam.image_size / width, sam.image_size / height])
    dense = previous.clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
    return _decode(sam, features, (coords * scale, labels), dense, several=labels.shape[1] == 1)


def decode_references(
    sam: SAM2Base, features: Features, prompts: Sequence[Prompt], size: tuple[int, int], mask_threshold: float
) -> References:
    """Answers to the prompts of G references; prompts of one group share one decoder call.

    Args:
        sam: the base.
        features: of the G references, not conditioned on memory.
        prompts: G prompts, in pixels of a frame of ``size``.
        size: (H, W) of the clip.
        mask_threshold: a mask prompt, resized to the base's input, is foreground above it.
    """
    groups: dict[tuple[str, int], list[int]] = {}
    for frame, prompt in enumerate(prompts):
        groups.setdefault(prompt.group, []).append(frame)
    answers, order = [], []
    for (kind, _), frames in groups.items():
        index = torch.tensor(frames, device=features.image.device)
        part = features if len(groups) == 1 else features.select(index)
        members = [prompts[frame] for frame in frames]
        if kind == "dense":
            answers.append(_answer_masks(sam, part, members, mask_threshold))
        else:
            answers.append(_answer_points(sam, part, members, size))
        order += frames
    back = torch.tensor(order, device=features.image.device).argsort()
    mask = torch.cat([answer.decoded.mask for answer in answers])[back]
    pointer = torch.cat([answer.decoded.pointer for answer in answers])[back]
    return References(Decoded(mask, pointer), torch.cat([answer.remembered for answer in answers])[back])


def full_size(sam: SAM2Base, mask: Tensor) -> Tensor:
    """Decoder logits [G, 1, 4h, 4w] at the input size of the base, [G, 1, S, S]."""
    return F.interpolate(mask, (sam.image_size, sam.image_size), mode="bilinear", align_corners=False)


def _answer_masks(sam: SAM2Base, features: Features, prompts: list[Prompt], threshold: float) -> References:
    """Mask prompts: the decoder sees the raw features, memory sees the mask after its round trip through 4h."""
    size = (sam.image_size, sam.image_size)
    dense = torch.stack([prompt.dense for prompt in prompts if prompt.dense is not None])[:, None]
    resized = F.interpolate(dense.to(features.image), size, mode="bilinear", align_corners=False, antialias=True)
    mask = (resized > threshold).float()
    low = sam.sam_prompt_encoder.mask_input_size
    prompt = _resized(sam.mask_downsample(mask), low)
    decoded = _decode(sam, features, points=_no_points(features), dense=prompt, several=False)
    return References(decoded, full_size(sam, _resized(mask * MASK_SCALE + MASK_BIAS, low)))


def _answer_points(sam: SAM2Base, features: Features, prompts: list[Prompt], size: tuple[int, int]) -> References:
    """Points and boxes: the decoder sees the features plus `no_mem_embed`, and always answers with one mask."""
    height, width = size
    scale = features.image.new_tensor([sam.image_size / width, sam.image_size / height], dtype=torch.float32)
    coords = torch.stack([prompt.coords for prompt in prompts if prompt.coords is not None]).to(scale) * scale
    labels = torch.stack([prompt.labels for prompt in prompts if prompt.labels is not None]).to(scale.device)
    without_memory = features.image + sam.no_mem_embed.reshape(1, -1, 1, 1)
    unconditioned = Features(without_memory, features.fine, features.position)
    decoded = _decode(sam, unconditioned, points=(coords, labels), dense=None, several=False)
    return References(decoded, full_size(sam, decoded.mask))


def _decode(
    sam: SAM2Base, features: Features, points: tuple[Tensor, Tensor], dense: Tensor | None, several: bool
) -> Decoded:
    sparse_tokens, dense_map = sam.sam_prompt_encoder(points=points, boxes=None, masks=dense)
    masks, ious, tokens, _ = sam.sam_mask_decoder(
        image_embeddings=features.image,
        image_pe=sam.sam_prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse_tokens,
        dense_prompt_embeddings=dense_map,
        multimask_output=several,
        repeat_image=False,
        high_res_features=list(features.fine),
    )
    best, frames = ious.argmax(dim=-1), torch.arange(len(masks), device=masks.device)
    # A base may keep a single pointer token beside its three masks.
    token = tokens[frames, best] if tokens.shape[1] > 1 else tokens[:, 0]
    return Decoded(masks[frames, best][:, None].float(), sam.obj_ptr_proj(token))


def _no_points(features: Features) -> tuple[Tensor, Tensor]:
    """One padding point a frame: what SAM 2 reads when nobody clicked."""
    frames, device = len(features.image), features.image.device
    return torch.zeros(frames, 1, 2, device=device), -torch.ones(frames, 1, dtype=torch.int32, device=device)


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    # In float32: under autocast a convolution's result is not, and antialiasing knows no bfloat16 on the CPU.
    return F.interpolate(maps.float(), tuple(size), mode="bilinear", align_corners=False, antialias=True)
