"""Prompts of references, and clicks on targets, to masks: decoder calls for a batch of frames (docs/sansa.md 1.2)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.trackers.base import Decoded, DecoderPrompt, DecodeRule, Features, Tracker

MASK_SCALE, MASK_BIAS = 20.0, -10.0
"""A mask prompt as logits: 20 m - 10, as in SAM 2."""

LARGEST_LOGIT = 32.0
"""Bound to which SAM 2 clips an answer before it reads it as a prompt."""

SINGLE, BEST = DecodeRule("single"), DecodeRule("best")


class References(NamedTuple):
    """Masks and pointers of G references.

    Attributes:
        masks: the decoder's own answers to the prompts, logits, float32 [G, 1, 4h, 4w].
        pointers: object pointers of these answers, [G, C].
        remembered: mask logits for memory, float32 [G, 1, S, S]; from the prompt for masks, from the answer for points
            and boxes.
    """

    masks: Tensor
    pointers: Tensor
    remembered: Tensor


def decode_corrections(
    tracker: Tracker, features: Features, coords: Tensor, labels: Tensor, previous: Tensor, size: tuple[int, int]
) -> Decoded:
    """Masks of frames after clicks on them, as SAM 2 corrects a tracked frame.

    The decoder gets the features conditioned on memory, all clicks so far, and its last answer as a mask prompt. A
    single click is ambiguous, and the best of three masks is taken; after more clicks there is one mask.

    Args:
        tracker: the base.
        features: of G frames, conditioned on memory.
        coords: (x, y) of P clicks per frame, float32 [G, P, 2], in pixels of a frame of ``size``.
        labels: int32 [G, P], 1 foreground or 0 background.
        previous: logits of the last answer, float32 [G, 1, 4h, 4w].
        size: (H, W) of the clip.
    """
    mask = previous.clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
    prompt = DecoderPrompt(coords * _scale(tracker, size, coords), labels, mask)
    return tracker.decode(features, prompt, BEST if labels.shape[1] == 1 else SINGLE)


def decode_references(
    tracker: Tracker, features: Features, prompts: Sequence[Prompt], size: tuple[int, int], mask_threshold: float
) -> References:
    """Answers to the prompts of G references; prompts of one group share a decoder call.

    Args:
        tracker: the base.
        features: of the G references, not conditioned on memory.
        prompts: G prompts, in pixels of a frame of ``size``.
        size: (H, W) of the clip.
        mask_threshold: a mask prompt, resized to the tracker's input, is foreground above it.
    """

    def answer(part: Features, members: list[Prompt]) -> References:
        if members[0].dense is not None:
            return _answer_masks(tracker, part, members, mask_threshold)
        return answer_points(tracker, part, members, size)

    return in_groups(features, prompts, answer)


def in_groups(
    features: Features, prompts: Sequence[Prompt], answer: Callable[[Features, list[Prompt]], References]
) -> References:
    """Answers to G prompts, found for the masks, and for the points and boxes of each number of points, at once.

    Args:
        features: of the G references.
        prompts: G prompts.
        answer: called with the features and prompts of each group.
    """
    kinds = [prompt.group for prompt in prompts]
    return by_kind(features, kinds, lambda part, frames: answer(part, [prompts[frame] for frame in frames]))


Found = TypeVar("Found", bound=tuple[Any, ...])
"""A named tuple."""


def by_kind(features: Features, kinds: Sequence[Hashable], answer: Callable[[Features, list[int]], Found]) -> Found:
    """Answers for G frames, found for all frames of a kind at once, in the order of the frames.

    Args:
        features: of the G frames.
        kinds: of each frame.
        answer: called with the features and the numbers of the frames of each kind; gives a named tuple of tensors
            [G, ...], any of which may be None for every kind.
    """
    groups: dict[Hashable, list[int]] = {}
    for frame, kind in enumerate(kinds):
        groups.setdefault(kind, []).append(frame)
    answers, order = [], []
    for frames in groups.values():
        index = torch.tensor(frames, device=features.image.device)
        answers.append(answer(features if len(groups) == 1 else features.select(index), frames))
        order += frames
    back = torch.tensor(order, device=features.image.device).argsort()
    columns = zip(*answers, strict=True)
    together: Any = type(answers[0])
    found: Found = together(*(None if column[0] is None else torch.cat(column)[back] for column in columns))
    return found


def given_masks(tracker: Tracker, features: Features, prompts: Sequence[Prompt], threshold: float) -> Tensor:
    """Mask prompts at the size of the tracker's input, float32 [G, 1, S, S] in {0, 1}, on the device of the features.

    Args:
        tracker: the base.
        features: of the G references.
        prompts: G masks.
        threshold: a resized mask is foreground above it.
    """
    size = (tracker.image_size, tracker.image_size)
    dense = torch.stack([prompt.dense for prompt in prompts if prompt.dense is not None])[:, None]
    dense = dense.to(features.image.device)
    resized = F.interpolate(dense, size, mode="bilinear", align_corners=False, antialias=True)
    return (resized > threshold).float()


def _answer_masks(tracker: Tracker, features: Features, prompts: list[Prompt], threshold: float) -> References:
    """Mask prompts: the decoder sees the raw features, memory sees the mask resized to 4h and back."""
    mask = given_masks(tracker, features, prompts, threshold)
    decoded = tracker.decode(features, DecoderPrompt(mask=tracker.mask_prompt(mask)), SINGLE)
    low = tracker.low_resolution(mask * MASK_SCALE + MASK_BIAS)
    return References(decoded.mask, decoded.pointer, tracker.full_resolution(low))


def answer_points(tracker: Tracker, features: Features, prompts: Sequence[Prompt], size: tuple[int, int]) -> References:
    """Points and boxes: the decoder sees the features of a frame without memory, and always answers with one mask."""
    scale = _scale(tracker, size, features.image)
    coords = torch.stack([prompt.coords for prompt in prompts if prompt.coords is not None]).to(scale) * scale
    labels = torch.stack([prompt.labels for prompt in prompts if prompt.labels is not None]).to(scale.device)
    decoded = tracker.decode(tracker.without_memory(features), DecoderPrompt(coords, labels), SINGLE)
    return References(decoded.mask, decoded.pointer, tracker.full_resolution(decoded.mask))


def _scale(tracker: Tracker, size: tuple[int, int], like: Tensor) -> Tensor:
    """From pixels (x, y) of a frame of a size (H, W) to those of the tracker's input, float32 [2]."""
    height, width = size
    return like.new_tensor([tracker.image_size / width, tracker.image_size / height], dtype=torch.float32)
