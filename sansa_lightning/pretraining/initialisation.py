"""The initial state of nano: filters that see texture, and memory attention that matches content."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sansa_lightning.pretraining.gabor import gabor_filters

if TYPE_CHECKING:
    from sansa_lightning.trackers.sam2.tracker import Sam2Tracker

PATCH_WAVELENGTHS = (3.2, 5.0, 8.0)
PATCH_ORIENTATIONS = 4
GREY = (0.4, 0.45, 0.15)
"""Weights of red, green and blue in a filter on grey, for images normalised channel by channel."""

GAIN = 3.0
"""Brings the response to a full-contrast grating of a filter's own wavelength to about 1."""

OTHER_PATCHES = 0.3
"""Factor on the random patch filters, so that the Gabor filters are stronger."""


def initialise(sam: Sam2Tracker, seed: int) -> None:
    """Prepare a random base for training from scratch, in place; the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    see_texture(sam.image_encoder.trunk.patch_embed.proj)
    match_content(sam, generator)


@torch.no_grad()
def see_texture(patches: nn.Conv2d) -> None:
    """Make the first filters of a patch embedding Gabor filters on grey; the others keep their directions.

    Raises:
        ValueError: fewer output channels than filters, or not three input channels.
    """
    filters = gabor_filters(patches.kernel_size[0], PATCH_WAVELENGTHS, PATCH_ORIENTATIONS, width=0.4, widest=2.0)
    if patches.out_channels < len(filters) or patches.in_channels != 3:
        msg = (
            f"patch embedding: expected 3 channels in and at least {len(filters)} out for the Gabor filters, "
            f"but got {patches.in_channels} and {patches.out_channels}"
        )
        raise ValueError(msg)
    patches.weight.mul_(OTHER_PATCHES)
    patches.weight[: len(filters)] = GAIN * filters[:, None] * torch.tensor(GREY)[:, None, None]
    if patches.bias is not None:
        patches.bias.zero_()


@torch.no_grad()
def match_content(sam: Sam2Tracker, generator: torch.Generator) -> None:
    """Initialise memory attention as a comparison of features.

    Memories begin as an orthonormal projection P of the image features. Queries O P x and keys O m, with O
    orthonormal, give a cross attention of (P x) . m: a place attends to similar places. Without this, training stays
    long on a plateau before it binds anything to the prompted object, as a feasibility study found.
    """
    encoder = sam.memory_encoder
    project = _orthonormal(sam.mem_dim, sam.hidden_dim, generator)
    encoder.pix_feat_proj.weight.copy_(torch.eye(sam.hidden_dim)[:, :, None, None])
    encoder.out_proj.weight.copy_(project[:, :, None, None])
    for layer in sam.memory_attention.layers:
        attention = layer.cross_attn_image
        widen = _orthonormal(sam.mem_dim, attention.internal_dim, generator).T
        attention.k_proj.weight.copy_(widen)
        attention.q_proj.weight.copy_(widen @ project)
        for part in (attention.k_proj, attention.q_proj):
            part.bias.zero_()
    for part in (encoder.pix_feat_proj, encoder.out_proj):
        part.bias.zero_()


def _orthonormal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """[rows, columns] with orthonormal rows, rows <= columns."""
    drawn = torch.randn(columns, rows, generator=generator) / math.sqrt(columns)
    return torch.linalg.qr(drawn)[0].T.contiguous()
