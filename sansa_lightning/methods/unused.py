"""The parameters of SAM 2 and SAM 3 that get no gradient in plain propagation."""

from __future__ import annotations

from sansa_lightning.strategies.parts import PromptKinds

NEVER = (
    r"sam_mask_decoder\.iou_prediction_head\..*|no_mem_pos_enc"
    # SAM 3's names; object scores, which nothing reads here; and the neck's coarsest level, which is the detector's.
    r"|mask_decoder\.(iou_prediction_head|pred_obj_score_head)\..*|no_memory_positional_encoding|no_object_pointer"
    r"|occlusion_spatial_embedding_parameter|vision_encoder\.neck\.fpn_layers\.3\..*"
)
"""No loss depends on them: predicted IoUs only choose a mask, and the conditioned path does not use the other."""

WITH: dict[PromptKinds, str] = {
    "mask": (
        r"no_mem_embed|sam_prompt_encoder\.point_embeddings\..*"
        # Of the single-mask token: it only answers references, and a mask prompt replaces the answer in memory.
        r"|sam_mask_decoder\.output_hypernetworks_mlps\.0\..*"
        r"|no_memory_embedding|prompt_encoder\.point_embed\..*|mask_decoder\.output_hypernetworks_mlps\.0\..*"
    ),
    "points": r"mask_downsample\..*|sam_prompt_encoder\.mask_downscaling\..*|prompt_encoder\.mask_embed\..*",
    "mixed": (
        r"no_mem_embed|mask_downsample\..*|sam_prompt_encoder\.mask_downscaling\..*"
        r"|no_memory_embedding|prompt_encoder\.mask_embed\..*"
    ),
}
"""Parameters unused by clips, by the prompts of their references; with "mixed", those that some batch may not use."""

OF_POINTERS = (
    r"|maskmem_tpos_enc|obj_ptr_proj\..*|obj_ptr_tpos_proj\..*"
    # Of object scores, which such methods don't look at.
    r"|no_obj_ptr|no_obj_embed_spatial|sam_mask_decoder\.pred_obj_score_head\..*"
)
"""Unused where only spatial memories are read, without temporal rows."""

FIRST_MASK = r"|sam_mask_decoder\.output_hypernetworks_mlps\.0\..*"
OTHER_MASKS = r"|sam_mask_decoder\.output_hypernetworks_mlps\.[123]\..*"
MASK_PROMPTS = r"|mask_downsample\..*|sam_prompt_encoder\.mask_downscaling\..*"
POINT_PROMPTS = r"|no_mem_embed|sam_prompt_encoder\.point_embeddings\..*"


def unused_in_propagation(prompts: PromptKinds | None) -> str:
    """A pattern of the names of these parameters; only of those that are never used if ``prompts`` is None."""
    return NEVER if prompts is None else f"{NEVER}|{WITH[prompts]}"


def unused_in_spatial_memory(prompts: PromptKinds | None, single: bool) -> str:
    """The same where memories have no pointers and no temporal rows, so that a reference's pointer is never read.

    Args:
        prompts: of the training clips' references; None if not known.
        single: whether targets have the single mask, not the best of three.
    """
    pattern = NEVER + OF_POINTERS + MASK_PROMPTS + (OTHER_MASKS if single else "")
    if prompts == "mask":  # answers to masks are reported, but neither remembered nor trained
        return pattern + POINT_PROMPTS + ("" if single else FIRST_MASK)
    return pattern + r"|no_mem_embed" if prompts == "mixed" else pattern
