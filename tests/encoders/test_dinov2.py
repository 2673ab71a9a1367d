"""DINOv2: names of its tensors, positions by the release's rule, and refusals; on a network of two narrow layers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from builders import largest_difference, nano, pictures
from sansa_lightning.clips.frames import normalise
from sansa_lightning.encoders import dinov2
from sansa_lightning.encoders.dinov2 import DinoV2, resized_positions
from sansa_lightning.encoders.dinov2_weights import dino_file, library_names

IMAGES = pictures(1, 2)[0]
WIDTH = 24


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in ("small", "giant"):
        monkeypatch.setitem(dinov2.SHAPES, size, dinov2._Shape(WIDTH, 2, 2))


def released(gated: bool = False) -> dict[str, Tensor]:
    """Random tensors under the names of the release."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * 0.3

    hidden = (int(4 * WIDTH * 2 / 3) + 7) // 8 * 8 if gated else 4 * WIDTH
    state = {"cls_token": draw(1, 1, WIDTH), "mask_token": draw(1, WIDTH), "pos_embed": draw(1, 1 + 37**2, WIDTH)}
    state |= {"patch_embed.proj.weight": draw(WIDTH, 3, 14, 14), "patch_embed.proj.bias": draw(WIDTH)}
    layers = {"attn.qkv": (3 * WIDTH, WIDTH), "attn.proj": (WIDTH, WIDTH)}
    layers |= {"mlp.w12": (2 * hidden, WIDTH), "mlp.w3": (WIDTH, hidden)} if gated else {}
    layers |= {} if gated else {"mlp.fc1": (hidden, WIDTH), "mlp.fc2": (WIDTH, hidden)}
    for block in ("blocks.0.", "blocks.1."):
        for name, shape in layers.items():
            state |= {f"{block}{name}.weight": draw(*shape), f"{block}{name}.bias": draw(shape[0])}
        state |= {f"{block}norm{i}.{kind}": draw(WIDTH) for i in (1, 2) for kind in ("weight", "bias")}
        state |= {f"{block}ls{i}.gamma": draw(WIDTH) for i in (1, 2)}
    return {**state, "norm.weight": draw(WIDTH), "norm.bias": draw(WIDTH)}


def by_hand(state: dict[str, Tensor], images: Tensor, gated: bool = False) -> Tensor:
    """The network of the paper at 518 pixels, where the table of positions is as published: [F, C, 37, 37]."""

    def norm(tokens: Tensor, name: str) -> Tensor:
        mean, spread = tokens.mean(-1, keepdim=True), tokens.var(-1, keepdim=True, unbiased=False)
        return (tokens - mean) / (spread + 1e-6).sqrt() * state[f"{name}.weight"] + state[f"{name}.bias"]

    def linear(tokens: Tensor, name: str) -> Tensor:
        return tokens @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    whole = torch.nn.functional.interpolate(images.float(), (518, 518), mode="bilinear", align_corners=True)
    mean, spread = (torch.tensor(each)[:, None, None] for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    cut = ((whole / 255 - mean) / spread).unfold(2, 14, 14).unfold(3, 14, 14)  # [F, 3, 37, 37, 14, 14]
    patches = torch.einsum("fchwyx,dcyx->fhwd", cut, state["patch_embed.proj.weight"]).flatten(1, 2)
    first = state["cls_token"].expand(len(images), -1, -1)
    tokens = torch.cat([first, patches + state["patch_embed.proj.bias"]], 1) + state["pos_embed"]
    for block in ("blocks.0", "blocks.1"):
        q, k, v = linear(norm(tokens, f"{block}.norm1"), f"{block}.attn.qkv").chunk(3, dim=-1)
        heads = []
        for part in (slice(0, WIDTH // 2), slice(WIDTH // 2, WIDTH)):
            scores = q[..., part] @ k[..., part].transpose(1, 2) / (WIDTH // 2) ** 0.5
            heads.append(scores.softmax(-1) @ v[..., part])
        tokens = tokens + linear(torch.cat(heads, -1), f"{block}.attn.proj") * state[f"{block}.ls1.gamma"]
        inside = norm(tokens, f"{block}.norm2")
        if gated:
            gate, up = linear(inside, f"{block}.mlp.w12").chunk(2, dim=-1)
            inside = linear(gate * gate.sigmoid() * up, f"{block}.mlp.w3")
        else:
            inside = linear(torch.nn.functional.gelu(linear(inside, f"{block}.mlp.fc1")), f"{block}.mlp.fc2")
        tokens = tokens + inside * state[f"{block}.ls2.gamma"]
    return norm(tokens, "norm")[:, 1:].transpose(1, 2).unflatten(2, (37, 37))


@pytest.mark.parametrize(("size", "gated"), [("small", False), ("giant", True)])
def test_a_file_of_the_release_is_the_network_of_the_paper(size: Any, gated: bool, tmp_path: Path) -> None:
    state = released(gated)
    torch.save(state, tmp_path / "dino.pth")
    encoder = DinoV2(size, tmp_path / "dino.pth", side=518, chunk=1)
    found = encoder(nano(), IMAGES)
    assert found.shape == (2, WIDTH, 37, 37)
    assert largest_difference(found, by_hand(state, IMAGES, gated)) <= 1e-4
    assert not found.requires_grad
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert largest_difference(encoder(nano(), normalise(IMAGES)), found) <= 1e-5


def test_a_folder_with_names_of_the_library_gives_the_same(tmp_path: Path) -> None:
    state = released()
    torch.save(state, tmp_path / "dino.pth")
    names = {key: value.clone().contiguous() for key, value in library_names(state).items()}
    (tmp_path / "now").mkdir()
    (tmp_path / "before").mkdir()
    save_file(names, tmp_path / "now" / "model.safetensors")
    older = {key: value.contiguous() for key, value in names.items()}
    for new, old in (("q_proj", "attention.query"), ("k_proj", "attention.key"), ("v_proj", "attention.value")):
        older = {key.replace(f"attention.{new}", f"attention.{old}"): value for key, value in older.items()}
    older = {key.replace("attention.o_proj", "attention.output.dense"): value for key, value in older.items()}
    save_file(older, tmp_path / "before" / "model.safetensors")
    found = [DinoV2("small", tmp_path / name, side=56)(nano(), IMAGES) for name in ("dino.pth", "now", "before")]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_positions_are_resized_by_the_factor_of_the_release() -> None:
    """Bicubic (a = -0.75) by hand: cell i of 40 lies at (i + 0.5) · 37 / 40.1 - 0.5 of 37."""

    def kernel(x: np.ndarray) -> np.ndarray:
        x, a = np.abs(x), -0.75
        near = (a + 2) * x**3 - (a + 3) * x**2 + 1
        far = a * (x**3 - 5 * x**2 + 8 * x - 4)
        return np.where(x <= 1, near, np.where(x < 2, far, 0))

    mix = np.zeros((40, 37))
    for cell in range(40):
        at = (cell + 0.5) * 37 / 40.1 - 0.5
        low = int(np.floor(at))
        for offset in range(-1, 3):
            mix[cell, np.clip(low + offset, 0, 36)] += kernel(np.array(at - low - offset))
    table = torch.randn(1, 1 + 37**2, 4, generator=torch.Generator().manual_seed(0))
    plane = table[0, 1:].reshape(37, 37, 4).numpy()
    expected = np.einsum("ry,yxc,sx->rsc", mix, plane, mix).reshape(1600, 4)
    found = resized_positions(table, 40)
    assert np.abs(found[0, 1:].numpy() - expected).max() <= 1e-4
    assert torch.equal(found[:, :1], table[:, :1])
    assert torch.equal(resized_positions(table, 37), table)


def test_random_weights_follow_the_seed() -> None:
    one, same, other = (DinoV2("small", None, side=56, seed=seed)(nano(), IMAGES) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


class TestMistakes:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"size": "tiny"}, r"^DinoV2\.size: expected one of small, base, large, giant, but got 'tiny'$"),
            ({"side": 500}, r"^DinoV2\.side: expected a multiple of 14 pixels, but got 500$"),
            ({"chunk": 0}, r"^DinoV2\.chunk: expected at least 1 frame, or null for all, but got 0$"),
        ],
    )
    def test_arguments(self, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            DinoV2(**settings)

    def test_without_the_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "transformers", None)
        message = r"^DinoV2 needs the transformers library: pip install 'sansa_lightning\[transformers\]'$"
        with pytest.raises(ValueError, match=message):
            DinoV2()

    def test_another_size(self, tmp_path: Path) -> None:
        torch.save(released(), tmp_path / "dino.pth")
        with pytest.raises(ValueError, match=r"^DinoV2\.weights: .*dino\.pth does not fit size base: missing "):
            DinoV2("base", tmp_path / "dino.pth").attach(nano())

    def test_registers(self, tmp_path: Path) -> None:
        torch.save({**released(), "register_tokens": torch.zeros(1, 4, WIDTH)}, tmp_path / "dino.pth")
        with pytest.raises(ValueError, match=r"does not fit size small: unexpected 1 tensor, first register_tokens$"):
            DinoV2("small", tmp_path / "dino.pth").attach(nano())

    @pytest.mark.parametrize("weights", ["nowhere/dino.pth", "dino"])
    def test_a_path_that_is_not_there(self, weights: str) -> None:
        with pytest.raises(FileNotFoundError, match=rf"^DinoV2\.weights: {weights} is neither a file nor a folder; "):
            DinoV2("small", weights).attach(nano())

    def test_a_name_alone_is_of_the_folder_of_weights(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        for file in ("mine.pth", "mine/model.safetensors"):
            (tmp_path / file).touch()
        monkeypatch.setenv("SANSA_WEIGHTS", str(tmp_path))
        assert dino_file("small", "mine.pth") == tmp_path / "mine.pth"
        assert dino_file("small", "mine") == tmp_path / "mine" / "model.safetensors"

    def test_a_folder_without_the_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"^DinoV2\.weights: the folder .* has no model\.safetensors$"):
            DinoV2("small", tmp_path).attach(nano())

    @pytest.mark.parametrize(("weights", "asked"), [("official", "facebook/dinov2-small"), ("a/b", "a/b")])
    def test_offline(self, weights: str, asked: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        def refuse(**_: str) -> str:
            raise ConnectionError("no net")

        monkeypatch.setenv("SANSA_WEIGHTS", str(tmp_path))
        monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
        message = (
            rf"^DinoV2\.weights: model\.safetensors is not in the local cache .*\({asked}\); put dinov2_vits14_pre"
        )
        with pytest.raises(FileNotFoundError, match=message):
            DinoV2("small", weights).attach(nano())

    def test_the_folder_of_weights_comes_first(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        torch.save(released(), tmp_path / "dinov2_vits14_pretrain.pth")
        monkeypatch.setenv("SANSA_WEIGHTS", str(tmp_path))
        encoder = DinoV2("small", side=56)
        encoder.attach(nano())
        assert encoder(nano(), IMAGES).shape == (2, WIDTH, 4, 4)
