"""Which of SAM 2's tensors train with FSSAM, and several processes (docs/fssam.md 7)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sansa_lightning.trackers.base import Tracker

KEPT = (
    # Their gradient is used by nothing in the release.
    r"obj_ptr_proj\..*|obj_ptr_tpos_proj\..*|maskmem_tpos_enc"
    # They get none: nothing is decoded without memory, and there are no points.
    r"|no_mem_embed|no_mem_pos_enc|sam_prompt_encoder\.point_embeddings\..*"
)
"""A pattern of the names of parameters that FSSAM always leaves as they are."""

SCORES = r"sam_mask_decoder\.(?:iou_prediction_head|pred_obj_score_head)\..*"
"""Heads whose results only choose a mask, or switch a pointer."""

IDLE = rf"{SCORES}|sam_mask_decoder\.conv_s[01]\..*|sam_mask_decoder\.output_hypernetworks_mlps\.0\..*"
"""Of the tensors that the release optimises, those that learn nothing: two heads that only choose, projections of maps
that are computed without a graph, and the MLP of the single-mask token, whose answers no loss sees."""


def idle(tracker: Tracker) -> list[nn.Parameter]:
    """The trained parameters that may be without a gradient after a step."""
    pattern = re.compile(IDLE)
    return [each for name, each in tracker.named_parameters() if each.requires_grad and pattern.fullmatch(name)]


def with_idle(logits: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """The same logits, which with several processes depend on parameters that would otherwise be without a gradient.

    Processes wait for the gradient of every trained parameter. Zeros end that waiting, and an optimiser without weight
    decay leaves the parameter as it is. Alone, nothing is added: the gradient stays None.
    """
    several = torch.distributed.is_available() and torch.distributed.is_initialized()
    if not (several and parameters):
        return logits
    return logits + torch.stack([parameter.sum() for parameter in parameters]).sum() * 0


def encoder_trains(tracker: Tracker) -> bool:
    """Whether anything trains in the image encoder, the tracker's own or added."""
    owners = [owner for part in ("trunk", "neck") for owner in tracker.parts()[part]]
    return any(each.requires_grad for owner in owners for each in tracker.get_submodule(owner).parameters())
