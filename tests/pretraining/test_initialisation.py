"""How nano starts: what its filters and its memory attention compute before any training."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from builders import nano
from sansa_lightning.pretraining.initialisation import initialise, match_content, see_texture


def test_cross_attention_compares_content():
    """Queries and keys give (P x) . m, with P what a memory keeps of a feature."""
    sam = nano()
    match_content(sam, torch.Generator().manual_seed(0))
    features, memories = torch.randn(5, sam.hidden_dim), torch.randn(7, sam.mem_dim)
    project = sam.memory_encoder.out_proj.weight[:, :, 0, 0]
    for layer in sam.memory_attention.layers:
        attention = layer.cross_attn_image
        compared = attention.q_proj(features) @ attention.k_proj(memories).T
        torch.testing.assert_close(compared, features @ project.T @ memories.T)


def test_memories_begin_as_an_orthonormal_projection():
    sam = nano()
    match_content(sam, torch.Generator().manual_seed(0))
    project = sam.memory_encoder.out_proj.weight[:, :, 0, 0]
    torch.testing.assert_close(project @ project.T, torch.eye(sam.mem_dim))
    image = torch.randn(2, sam.hidden_dim, 3, 3)
    torch.testing.assert_close(sam.memory_encoder.pix_feat_proj(image), image)


def test_first_patch_filters_see_contrast_and_no_colour():
    patches = nn.Conv2d(3, 32, kernel_size=7, stride=2, padding=3)
    before = patches.weight.detach().clone()
    see_texture(patches)
    flat = torch.full((1, 3, 7, 7), 2.0)
    responses = nn.functional.conv2d(flat, patches.weight)[0, :, 0, 0]
    assert responses[:24].abs().max() < 1e-5
    torch.testing.assert_close(patches.weight[24:], 0.3 * before[24:])
    assert not patches.bias.any()


def test_is_a_function_of_the_seed():
    def started(seed: int) -> dict[str, torch.Tensor]:
        sam = nano()
        initialise(sam, seed)
        return sam.state_dict()

    first, again, other = started(0), started(0), started(1)
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not torch.equal(first["memory_encoder.out_proj.weight"], other["memory_encoder.out_proj.weight"])


def test_refuses_an_embedding_that_is_too_narrow():
    with pytest.raises(ValueError, match=r"expected 3 channels in and at least 24 out .* but got 3 and 16"):
        see_texture(nn.Conv2d(3, 16, 7))
