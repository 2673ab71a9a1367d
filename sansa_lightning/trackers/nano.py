"""`nano`: a SAM 2 made of the sam2 package's own classes, small enough to train on a laptop."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from sansa_lightning.trackers.base import Tracker


@dataclass(frozen=True)
class NanoSize:
    """Dimensions of nano.

    The sam2 classes require this: the first block of a stage is not global, and a window divides the stride-2 patch
    grid of its stage.

    Attributes:
        image: side of the input in pixels.
        stride: pixels of a cell of the matching grid; 96 / 8 gives 12 x 12 cells.
        width: channels of the first stage; they double at each stage.
        blocks: blocks of each of the four stages.
        windows: window size of each stage.
        global_blocks: blocks that look at the whole image.
        channels: of neck, memory attention and decoder.
        memory: channels of a spatial memory.
        layers: of memory attention.
        feedforward: hidden width of memory attention and decoder.
    """

    image: int = 96
    stride: int = 8
    width: int = 32
    blocks: tuple[int, int, int, int] = (1, 1, 4, 1)
    windows: tuple[int, int, int, int] = (8, 8, 6, 6)
    global_blocks: tuple[int, ...] = (3, 4, 5)
    channels: int = 96
    memory: int = 48
    layers: int = 2
    feedforward: int = 256


def build_nano(size: NanoSize | None = None) -> Tracker:
    """A nano with random weights; the switches of docs/sansa.md 1.1 stand as for the published bases."""
    from sansa_lightning.trackers.sam2.tracker import Sam2Tracker

    size = size or NanoSize()
    tracker = Sam2Tracker(
        image_encoder=_image_encoder(size),
        memory_attention=_memory_attention(size),
        memory_encoder=_memory_encoder(size),
        num_maskmem=7,
        image_size=size.image,
        backbone_stride=size.stride,
        sigmoid_scale_for_mem_enc=20.0,
        sigmoid_bias_for_mem_enc=-10.0,
        use_mask_input_as_output_without_sam=True,
        directly_add_no_mem_embed=True,
        use_high_res_features_in_sam=True,
        iou_prediction_use_sigmoid=True,
        use_multimask_token_for_obj_ptr=True,
        use_obj_ptrs_in_encoder=True,
        add_tpos_enc_to_obj_ptrs=False,
        only_obj_ptrs_in_the_past_for_eval=True,
        use_mlp_for_obj_ptr_proj=True,
    )
    # Tracker fixes the decoder's MLP at 2048 and its IoU head at 256, more than all of nano.
    tracker.sam_mask_decoder = _mask_decoder(size)
    return tracker


def _image_encoder(size: NanoSize) -> nn.Module:
    from sam2.modeling.backbones.hieradet import Hiera
    from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder
    from sam2.modeling.position_encoding import PositionEmbeddingSine

    trunk = Hiera(
        embed_dim=size.width,
        num_heads=1,
        stages=size.blocks,
        window_spec=size.windows,
        global_att_blocks=size.global_blocks,
        window_pos_embed_bkg_spatial_size=(8, 8),
    )
    # Patches at stride 2 instead of 4, so that stage 2 has the matching grid's stride of 8.
    trunk.patch_embed.proj = nn.Conv2d(3, size.width, kernel_size=7, stride=2, padding=3)
    for embedding in (trunk.pos_embed, trunk.pos_embed_window):
        nn.init.trunc_normal_(embedding, std=0.02)
    neck = FpnNeck(
        PositionEmbeddingSine(size.channels, normalize=True),
        d_model=size.channels,
        backbone_channel_list=trunk.channel_list,
        fpn_top_down_levels=[2, 3],
        fpn_interp_model="nearest",
    )
    return ImageEncoder(trunk, neck, scalp=1)


def _memory_attention(size: NanoSize) -> nn.Module:
    from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer
    from sam2.modeling.sam.transformer import RoPEAttention

    grid = [size.image // size.stride] * 2
    attention = {"rope_theta": 10000.0, "feat_sizes": grid, "embedding_dim": size.channels, "num_heads": 1}
    layer = MemoryAttentionLayer(
        activation="relu",
        dim_feedforward=size.feedforward,
        dropout=0.1,
        pos_enc_at_attn=False,
        d_model=size.channels,
        pos_enc_at_cross_attn_keys=True,
        pos_enc_at_cross_attn_queries=False,
        self_attention=RoPEAttention(dropout=0.1, **attention),
        cross_attention=RoPEAttention(dropout=0.1, rope_k_repeat=True, kv_in_dim=size.memory, **attention),
    )
    return MemoryAttention(d_model=size.channels, pos_enc_at_input=True, layer=layer, num_layers=size.layers)


def _memory_encoder(size: NanoSize) -> nn.Module:
    from sam2.modeling.memory_encoder import CXBlock, Fuser, MaskDownSampler, MemoryEncoder
    from sam2.modeling.position_encoding import PositionEmbeddingSine

    # Training from scratch leaves the published layer scale of 1e-6 only slowly.
    fuser = Fuser(CXBlock(dim=size.channels, layer_scale_init_value=0.1), num_layers=2)
    return MemoryEncoder(
        out_dim=size.memory,
        in_dim=size.channels,
        mask_downsampler=MaskDownSampler(
            embed_dim=size.channels, total_stride=size.stride, stride=2, kernel_size=3, padding=1
        ),
        fuser=fuser,
        position_encoding=PositionEmbeddingSine(size.memory, normalize=True),
    )


def _mask_decoder(size: NanoSize) -> nn.Module:
    from sam2.modeling.sam.mask_decoder import MaskDecoder
    from sam2.modeling.sam.transformer import TwoWayTransformer

    return MaskDecoder(
        num_multimask_outputs=3,
        transformer=TwoWayTransformer(depth=2, embedding_dim=size.channels, mlp_dim=size.feedforward, num_heads=8),
        transformer_dim=size.channels,
        iou_head_depth=3,
        iou_head_hidden_dim=64,
        use_high_res_features=True,
        iou_prediction_use_sigmoid=True,
        use_multimask_token_for_obj_ptr=True,
    )
