"""A strategy is tried on a copy without numbers: the base stays as it was, and nothing large is made."""

from __future__ import annotations

import pytest
import torch
from rows import ROWS, base

from builders import UNUSED, nano
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy, trained_parameters
from sansa_lightning.strategies.trial import without_numbers, would_train


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_it_says_what_would_train(row):
    sam, random = base(), torch.random.get_rng_state()
    found = would_train(row.build(), sam, UNUSED)
    assert torch.equal(torch.random.get_rng_state(), random)
    assert found is not None
    assert all(parameter.is_meta for parameter in found.values())
    row.build().attach(sam, UNUSED)  # the base is free for it
    expected = trained_parameters(sam)
    assert {name: (each.shape, each.dtype) for name, each in found.items()} == {
        name: (each.shape, each.dtype) for name, each in expected.items()
    }


def test_a_strategy_that_would_need_more_memory_than_there_is():
    found = would_train(AdaptFormer([3], hidden={6: 10**10}), nano())
    assert found is not None
    assert found["image_encoder.trunk.blocks.6.adapter.down_proj.weight"].shape == (10**10, 256)


def test_one_that_reads_the_numbers_cannot_be_tried():
    class OfLargest(Strategy):
        def inject(self, sam):
            if float(sam.maskmem_tpos_enc.max()) > 0:
                sam.maskmem_tpos_enc.requires_grad_(True)

    sam = nano()
    assert would_train(OfLargest(), sam) is None
    OfLargest().attach(sam, UNUSED)
    assert trained_parameters(sam).keys() == {"maskmem_tpos_enc"}


def test_one_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match=r"AdaptFormer\.hidden: expected a width for each of the blocks \[6\]"):
        would_train(AdaptFormer([3], hidden={5: 9}), nano())


def test_the_copy_has_no_numbers_and_the_base_keeps_its_own():
    sam = nano()
    before = {name: tensor.clone() for name, tensor in sam.state_dict().items()}
    bare = without_numbers(sam)
    assert all(tensor.is_meta for tensor in bare.state_dict().values())
    assert bare.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in sam.state_dict().items())
