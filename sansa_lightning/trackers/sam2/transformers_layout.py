"""SAM 2's weights as the transformers library stores them, under the names that the sam2 package gives them.

The hub's ``facebook/sam2*-hiera-*`` hold both: ``<name>.pt`` in the official layout, and ``model.safetensors`` with the
names of ``Sam2VideoModel``. The tensors are the same; a few are put together otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sansa_lightning.files.tensors import is_dense

MARK = "vision_encoder."
"""Beginning of names that only this layout has."""

POSITIONS = "shared_image_embedding.positional_embedding"
POSITIONS_AGAIN = "prompt_encoder.shared_embedding.positional_embedding"
"""The matrix by which positions in the image are encoded: one tensor in SAM 2, stored twice here."""

POINTS = "prompt_encoder.point_embed.weight"
"""One row for each label of a point; one tensor each in SAM 2."""

_MASK_STAGES = 4
"""Halvings of a mask in the memory encoder, of the published sizes."""

_HEADS = r"(output_hypernetworks_mlps\.\d+|iou_prediction_head|pred_obj_score_head|obj_ptr_proj)\."
"""Perceptrons of three layers; those called ``mlp`` have two."""

Replacement = str | Callable[[re.Match[str]], str]

RENAMED: tuple[tuple[str, Replacement], ...] = (
    (
        r"^shared_image_embedding\.positional_embedding$",
        "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    ),
    (r"^no_memory_embedding$", "no_mem_embed"),
    (r"^no_memory_positional_encoding$", "no_mem_pos_enc"),
    (r"^memory_temporal_positional_encoding$", "maskmem_tpos_enc"),
    (r"^no_object_pointer$", "no_obj_ptr"),
    (r"^occlusion_spatial_embedding_parameter$", "no_obj_embed_spatial"),
    (r"^object_pointer_proj\.", "obj_ptr_proj."),
    (r"^temporal_positional_encoding_projection_layer\.", "obj_ptr_tpos_proj."),
    (r"^vision_encoder\.backbone\.", "image_encoder.trunk."),
    (r"^vision_encoder\.neck\.convs\.(\d+)\.", r"image_encoder.neck.convs.\1.conv."),
    (r"\.patch_embed\.projection\.", ".patch_embed.proj."),
    (r"^prompt_encoder\.mask_embed\.conv([123])\.", lambda m: f"prompt_encoder.mask_downscaling.{3 * int(m[1]) - 3}."),
    (r"\.mask_embed\.layer_norm([12])\.", lambda m: f".mask_downscaling.{3 * int(m[1]) - 2}."),
    (r"^(prompt_encoder|mask_decoder)\.", r"sam_\1."),
    (r"\.upscale_conv1\.", ".output_upscaling.0."),
    (r"\.upscale_layer_norm\.", ".output_upscaling.1."),
    (r"\.upscale_conv2\.", ".output_upscaling.3."),
    (r"\.mask_downsampler\.layers\.(\d+)\.conv\.", lambda m: f".mask_downsampler.encoder.{3 * int(m[1])}."),
    (r"\.mask_downsampler\.layers\.(\d+)\.layer_norm\.", lambda m: f".mask_downsampler.encoder.{3 * int(m[1]) + 1}."),
    (r"\.mask_downsampler\.final_conv\.", f".mask_downsampler.encoder.{3 * _MASK_STAGES}."),
    (r"^memory_encoder\.feature_projection\.", "memory_encoder.pix_feat_proj."),
    (r"^memory_encoder\.projection\.", "memory_encoder.out_proj."),
    (r"^memory_encoder\.memory_fuser\.", "memory_encoder.fuser."),
    (r"\.depthwise_conv\.", ".dwconv."),
    (r"\.pointwise_conv([12])\.", r".pwconv\1."),
    (r"(\.fuser\.layers\.\d+)\.scale$", r"\1.gamma"),
    (r"\.layer_norm(\d|_final_attn)?\.", r".norm\1."),
    (r"\.o_proj\.", ".out_proj."),
    (r"\.mlp\.proj_in\.", ".mlp.layers.0."),
    (r"\.mlp\.proj_out\.", ".mlp.layers.1."),
    (_HEADS + r"layers\.0\.", r"\1.layers.1."),
    (_HEADS + r"proj_in\.", r"\1.layers.0."),
    (_HEADS + r"proj_out\.", r"\1.layers.2."),
)
"""Patterns of names with what takes their place, one after the other."""


def official_name(name: str) -> str:
    """The name in the official layout of a tensor that both layouts have.

    >>> official_name("mask_decoder.transformer.layers.0.self_attn.o_proj.weight")
    'sam_mask_decoder.transformer.layers.0.self_attn.out_proj.weight'
    """
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def official_layout(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """A state dict in the official layout; one that is not in the layout of transformers as it is.

    What does not fit keeps a name that the official layout does not have, so that strict loading says so.

    Args:
        state: the content of a file, tensors by name if all is well.
    """
    if not any(name.startswith(MARK) for name in state):
        return state
    found: dict[str, Any] = {}
    for name, value in state.items():
        if name == POINTS and is_dense(value) and value.ndim == 2:
            rows = value.split(1)
            found |= {f"sam_prompt_encoder.point_embeddings.{label}.weight": row for label, row in enumerate(rows)}
        elif name != POSITIONS_AGAIN or not _same(value, state.get(POSITIONS)):
            found[official_name(name)] = value
    return found


def _same(first: Any, second: Any) -> bool:
    return is_dense(first) and is_dense(second) and first.equal(second)
