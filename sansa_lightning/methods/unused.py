"""The parameters of SAM 2 that get no gradient in plain propagation."""

from __future__ import annotations

from sansa_lightning.strategies.parts import PromptKinds

NEVER = r"sam_mask_decoder\.iou_prediction_head\..*|no_mem_pos_enc"
"""No loss depends on them: predicted IoUs only choose a mask, and the conditioned path does not use the other."""

WITH: dict[PromptKinds, str] = {
    "mask": (
        r"no_mem_embed|sam_prompt_encoder\.point_embeddings\..*"
        # Of the single-mask token: it only answers references, and a mask prompt replaces the answer in memory.
        r"|sam_mask_decoder\.output_hypernetworks_mlps\.0\..*"
    ),
    "points": r"mask_downsample\..*|sam_prompt_encoder\.mask_downscaling\..*",
    "mixed": r"no_mem_embed|mask_downsample\..*|sam_prompt_encoder\.mask_downscaling\..*",
}
"""Parameters unused by clips, by the prompts of their references; with "mixed", those that some batch may not use."""


def unused_in_propagation(prompts: PromptKinds | None) -> str:
    """A pattern of the names of these parameters; only of those that are never used if ``prompts`` is None."""
    return NEVER if prompts is None else f"{NEVER}|{WITH[prompts]}"
