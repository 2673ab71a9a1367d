"""The base of a job, by its adapter."""

from __future__ import annotations

import pytest
import torch

from fakes.hub import FakeHub
from sansa_lightning.annotate.job.model import own_base
from sansa_lightning.annotate.options import LARGE, read_options
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.checkpoints.portable import ADAPTER, write_portable

GIVEN = ("--references", "r", "--images", "i", "--out", "a.json", "--adapter")


@pytest.mark.parametrize("given", ["{root}/me/one/" + ADAPTER, "{root}/me/one", "hub:me/one", "{root}/a.ckpt"])
def test_an_adapter_in_any_form_names_its_base(given, tmp_path, monkeypatch):
    FakeHub(tmp_path).install(monkeypatch, None)
    header = {"base": {"name": "sam2_hiera_tiny"}}
    write_portable(tmp_path / "me" / "one" / ADAPTER, header, {"base.x": torch.zeros(1)})
    torch.save({HEADER: header, "state_dict": {}}, tmp_path / "a.ckpt")
    asked = read_options([*GIVEN, given.format(root=tmp_path)])
    assert own_base(asked.adapter) == "sam2_hiera_tiny"


def test_an_adapter_without_a_header_belongs_to_the_largest(tmp_path):
    torch.save({"model": {}}, tmp_path / "a.pth")
    assert own_base(tmp_path / "a.pth") == own_base(None) == LARGE
