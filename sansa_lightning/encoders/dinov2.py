"""DINOv2 (Oquab et al. 2023) through the transformers library, with the position rule of its own release."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sansa_lightning.clips.frames import normalise
from sansa_lightning.encoders.base import Encoder
from sansa_lightning.encoders.dinov2_weights import TRAINED_GRID, dino_state
from sansa_lightning.files.messages import brief
from sansa_lightning.trackers.base import Tracker

DinoSize = Literal["small", "base", "large", "giant"]
"""ViT-S, B, L and g, all with patches of 14 pixels and without registers."""

PATCH = 14


class _Shape(NamedTuple):
    width: int
    layers: int
    heads: int


SHAPES: dict[str, _Shape] = {
    "small": _Shape(384, 12, 6),
    "base": _Shape(768, 12, 12),
    "large": _Shape(1024, 24, 16),
    "giant": _Shape(1536, 40, 24),
}


class DinoV2(Encoder):
    """The patch map of the last block after its norm, [F, C, side / 14, side / 14], C of 384, 768, 1024 or 1536.

    Args:
        size: small (ViT-S), base (B), large (L) or giant (g).
        weights: "official" for the published ones: ``dinov2_vit<s|b|l|g>14_pretrain.pth`` in the folder
            ``SANSA_WEIGHTS``, else of the Hugging Face hub; a file (.pth of the release, .safetensors), whose name
            alone is enough in that folder, or a folder with ``model.safetensors``; a repository of the hub,
            ``owner/name``; or None for random ones, for tests.
        side: pictures are resized to this square, in pixels, a multiple of 14; FSSAM's 560.
        seed: of random weights.
        chunk: number of frames that go through it at a time; all of a call if None.

    Raises:
        ValueError: an argument is out of its range, or the transformers library is not installed.
    """

    def __init__(
        self,
        size: DinoSize = "base",
        weights: str | Path | None = "official",
        side: int = 560,
        seed: int = 0,
        chunk: int | None = None,
    ) -> None:
        super().__init__()
        if size not in SHAPES:
            msg = f"DinoV2.size: expected one of {', '.join(get_args(DinoSize))}, but got {brief(size)}"
            raise ValueError(msg)
        if side < PATCH or side % PATCH:
            msg = f"DinoV2.side: expected a multiple of {PATCH} pixels, but got {side}"
            raise ValueError(msg)
        if chunk is not None and chunk < 1:
            msg = f"DinoV2.chunk: expected at least 1 frame, or null for all, but got {chunk}"
            raise ValueError(msg)
        _library()
        self.size: DinoSize = size
        self.weights = None if weights is None else str(weights)
        self.side = side
        self.seed = seed
        self.chunk = chunk
        self.network: nn.Module | None = None

    def attach(self, tracker: Tracker) -> None:
        """Read the weights, once; see :meth:`Encoder.attach`."""
        self._built(next(tracker.parameters()).device)
        super().attach(tracker)

    def forward(self, tracker: Tracker, images: Tensor) -> Tensor:
        """See :meth:`Encoder.forward`; the tracker is not looked at."""
        network = self._built(images.device)
        with torch.no_grad():
            parts = [self._patches(network, part) for part in images.split(self.chunk or len(images))]
        return torch.cat(parts)

    def _patches(self, network: nn.Module, images: Tensor) -> Tensor:
        # Resizing and normalising commute, since a bilinear resize keeps sums of weights at 1.
        size = (self.side, self.side)
        resized = F.interpolate(normalise(images), size, mode="bilinear", align_corners=True)
        tokens = network(pixel_values=resized).last_hidden_state[:, 1:]
        grid = self.side // PATCH
        return tokens.transpose(1, 2).unflatten(2, (grid, grid)).float()

    def _built(self, device: torch.device) -> nn.Module:
        """The network, built at first need, in eval mode."""
        if self.network is None:
            self.network = self._build().requires_grad_(False).eval().to(device)
        return self.network

    def _build(self) -> nn.Module:
        transformers = _library()
        shape, grid = SHAPES[self.size], self.side // PATCH
        config = transformers.Dinov2Config(
            hidden_size=shape.width,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            # The table of positions is resized once, by the release's rule; the library would do it at every call, by
            # a rule of its own (docs/fssam.md 2).
            image_size=self.side,
            patch_size=PATCH,
            use_swiglu_ffn=self.size == "giant",
        )
        if self.weights is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                random: nn.Module = transformers.Dinov2Model(config)
            return random
        with torch.device("meta"):
            network: nn.Module = transformers.Dinov2Model(config)
        own = network.state_dict()
        own[POSITIONS] = own[POSITIONS].new_empty(1, 1 + TRAINED_GRID**2, shape.width)
        state = dino_state(self.size, self.weights, own)
        state[POSITIONS] = resized_positions(state[POSITIONS], grid)
        network.load_state_dict(state, assign=True)
        return network


POSITIONS = "embeddings.position_embeddings"


def resized_positions(table: Tensor, grid: int) -> Tensor:
    """A table of positions for another grid of patches, by the rule of DINOv2's release.

    Bicubic without antialiasing, by the *factor* (grid + 0.1) / 37, while the position of the class token stays as it
    is. Resizing to the *size* instead gives other features (docs/fssam.md 2).

    Args:
        table: [1, 1 + g², C], of a square grid; the class token first.
        grid: side of the new grid.

    Returns:
        [1, 1 + grid², C].
    """
    side = round((table.shape[1] - 1) ** 0.5)
    if side == grid:
        return table
    patches = table[:, 1:].float().transpose(1, 2).unflatten(2, (side, side))
    factor = (grid + 0.1) / side
    resized = F.interpolate(patches, scale_factor=(factor, factor), mode="bicubic", antialias=False)
    return torch.cat([table[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)


def _library() -> Any:
    """The transformers library.

    Raises:
        ValueError: it is not installed; names the extra.
    """
    try:
        import transformers
    except ImportError as error:
        msg = "DinoV2 needs the transformers library: pip install 'sansa_lightning[transformers]'"
        raise ValueError(msg) from error
    return transformers
