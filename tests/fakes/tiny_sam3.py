"""A SAM 3 tracker small enough for tests: a trunk of eight blocks, maps of 8 x 8 cells."""

from __future__ import annotations

from typing import Any

from sansa_lightning.trackers.sam3.build import build_sam3
from sansa_lightning.trackers.sam3.tracker import Sam3Tracker

SIDE, GRID, WIDTH = 112, 8, 128


def tiny_config() -> Any:
    """Windows of 4 x 4 cells, and four blocks that look at all of them; pointers of two tokens."""
    from transformers import Sam3TrackerVideoConfig, Sam3VisionConfig, Sam3ViTConfig
    from transformers.models.sam3_tracker_video import configuration_sam3_tracker_video as parts

    trunk = Sam3ViTConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=8,
        num_attention_heads=2,
        window_size=4,
        global_attn_indexes=[1, 3, 5, 7],
        image_size=SIDE,
        pretrain_image_size=56,
    )
    decoder = {"hidden_size": WIDTH, "mlp_dim": 64, "iou_head_hidden_dim": 32}
    return Sam3TrackerVideoConfig(
        vision_config=Sam3VisionConfig(backbone_config=trunk, fpn_hidden_size=WIDTH),
        prompt_encoder_config=parts.Sam3TrackerVideoPromptEncoderConfig(hidden_size=WIDTH, image_size=SIDE),
        mask_decoder_config=parts.Sam3TrackerVideoMaskDecoderConfig(**decoder),
        image_size=SIDE,
        memory_attention_hidden_size=WIDTH,
        memory_attention_num_layers=2,
        memory_attention_feed_forward_hidden_size=64,
        memory_encoder_hidden_size=WIDTH,
        mask_downsampler_embed_dim=WIDTH,
        memory_fuser_embed_dim=WIDTH,
        memory_fuser_intermediate_dim=64,
    )


class TinySam3(Sam3Tracker):
    """It goes by its import path, and is built without arguments."""

    def __new__(cls) -> Any:
        return build_sam3(config=tiny_config())
