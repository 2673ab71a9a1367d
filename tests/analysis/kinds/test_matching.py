"""Attention that is known: planted weights, and those that torch itself computes."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from builders import mask_prompt, model, nano, pictures
from sansa_lightning.analysis.kinds.matching import Attention, Heard, Matching, attention, on_objects, pieces
from sansa_lightning.clips.clip import Clip
from sansa_lightning.clips.episode import Episode

MASK = mask_prompt().dense.byte()
CLIP = Clip(Episode("s", 0, ("r",), ("t",)), pictures(1, 2)[0], torch.stack([MASK, MASK.flip(1)]), (mask_prompt(),))


def test_weights_are_those_by_which_values_are_mixed():
    """With the weights, the values of a layer give what torch's own attention gives."""
    sam, query, key, value = nano(), *(torch.randn(1, 1, n, 8) for n in (5, 7, 7))
    heard = Heard(sam)

    class Told:
        def attend(self, features, tokens, bias):
            return torch.nn.functional.scaled_dot_product_attention(
                query, key, value, attn_mask=bias(query, key).expand(1, 1, 5, 7)
            )

    heard.tracker = Told()
    mixed = heard.attend(None, None)
    torch.testing.assert_close(heard.layers[0] @ value[0], mixed[0])


def test_listening_changes_nothing_and_weights_add_up():
    frozen = model(nano())
    found = attention(frozen, CLIP, nullcontext())
    assert found.weights.shape == (12, 12, 12, 12)
    torch.testing.assert_close(found.weights.sum((2, 3)) + found.pointers, torch.ones(12, 12))
    with torch.no_grad():
        images, prompts = CLIP.images[None], [CLIP.prompts]
        plain = frozen.method.rules(frozen.base, images, prompts, propagate_targets=False).logits
        heard = frozen.method.rules(Heard(frozen.base), images, prompts, propagate_targets=False).logits
    torch.testing.assert_close(heard, plain, atol=1e-4, rtol=1e-4)


def test_shares_of_planted_attention():
    reference = torch.nn.functional.adaptive_avg_pool2d((CLIP.masks[0] == 1).float()[None], 12)[0]
    y, x = (reference == 1).nonzero()[0].tolist()
    weights = torch.zeros(12, 12, 12, 12)
    target = torch.nn.functional.adaptive_avg_pool2d((CLIP.masks[1] == 1).float()[None], 12)[0] > 0
    weights[..., y, x] = torch.where(target, 0.75, 0.0)
    weights[..., 0, 0] = torch.where(target, 0.0, 1.0)
    found = on_objects(Attention(weights, torch.where(target, 0.25, 0.0)), CLIP)
    assert found["object"] == pytest.approx(0.75)
    assert found["pointers"] == pytest.approx(0.25)
    assert found["rest"] < 0.1
    assert found["even"] == pytest.approx(float((CLIP.masks[0] == 1).float().mean()))


def test_pieces_are_neighbours():
    inside = torch.zeros(6, 9, dtype=torch.bool)
    inside[1:3, 1:3] = True
    inside[4:, 6:] = True
    found = pieces(inside, 2)
    assert torch.equal(found >= 0, inside)
    assert len(found[1:3, 1:3].unique()) == len(found[4:, 6:].unique()) == 1
    assert found.max() == 1
    assert pieces(torch.eye(2, 3).bool(), 5).max() == 1
    with pytest.raises(ValueError, match=r"analysis\.episode:"):
        Matching(episode=-1)
