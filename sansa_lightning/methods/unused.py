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


def unused_in_propagation(prompts: PromptKinds | None) -> str:
    """A pattern of the names of these parameters; only of those that are never used if ``prompts`` is None."""
    return NEVER if prompts is None else f"{NEVER}|{WITH[prompts]}"
