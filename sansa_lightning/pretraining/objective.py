"""The objectives of nano's training: to know the content of each cell, and to follow an object."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.frames import IMAGENET_MEAN, IMAGENET_STD
from sansa_lightning.losses import BCE, Dice, LossValues, WeightedSum
from sansa_lightning.pretraining.gabor import gabor_filters

WAVELENGTHS = (4.0, 7.0, 12.0)
ORIENTATIONS = 6
LUMA = (0.299, 0.587, 0.114)


class TextureEnergies(nn.Module):
    """Local energies of grey gratings: a description of a surface without colour, class or contrast.

    For each of three wavelengths (4, 7 and 12 pixels) in six directions: the amplitude around a cell as a share of all
    18, its logarithm, standardised over the given frames.
    """

    channels = len(WAVELENGTHS) * ORIENTATIONS

    filters: Tensor
    grey: Tensor
    level: Tensor

    def __init__(self) -> None:
        super().__init__()
        filters = gabor_filters(15, WAVELENGTHS, ORIENTATIONS, width=0.45, widest=15.0)
        luma = 255 * torch.tensor(LUMA)
        self.register_buffer("filters", filters[:, None], persistent=False)
        self.register_buffer("grey", luma * torch.tensor(IMAGENET_STD), persistent=False)
        self.register_buffer("level", luma @ torch.tensor(IMAGENET_MEAN), persistent=False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Energies on cells of 8 pixels, [F, 18, H / 8, W / 8].

        Args:
            images: float32 [F, 3, H, W], ImageNet-normalised.
        """
        luma = torch.einsum("fchw,c->fhw", images, self.grey)[:, None] + self.level
        responses = F.conv2d(luma, self.filters, stride=2, padding=7)
        amplitudes = responses.unflatten(1, (-1, 2)).square().sum(2).sqrt()
        local = F.avg_pool2d(amplitudes, kernel_size=8, stride=4, padding=2)
        # The constants keep flat surfaces, which have no texture, from becoming noise.
        shares = (local / (local.sum(1, keepdim=True) + 4.0) + 0.01).log()
        every = (0, 2, 3)
        return (shares - shares.mean(every, keepdim=True)) / (shares.std(every, keepdim=True) + 0.1)


class ContentLoss(NamedTuple):
    """The result of a :class:`ContentObjective`, scalars.

    Attributes:
        tile: cross-entropy of the tile numbers.
        texture: mean squared error of the texture energies, whose variance is about 1.
        accuracy: share of cells whose tile is predicted correctly, detached.
    """

    tile: Tensor
    texture: Tensor
    accuracy: Tensor


class ContentObjective(nn.Module):
    """A linear head on the trunk that predicts the tile of each cell and its texture energies.

    It stands in for the pretraining of Hiera itself; the head is discarded in the end.

    Args:
        channels: C of the features.
        tiles: number of tiles to tell apart.
    """

    def __init__(self, channels: int, tiles: int) -> None:
        super().__init__()
        self.tiles = tiles
        self.energies = TextureEnergies()
        self.head = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, tiles + TextureEnergies.channels))

    def forward(self, features: Tensor, images: Tensor, tokens: Tensor) -> ContentLoss:
        """The losses of F frames.

        Args:
            features: [F, C, h, w] with h = H / 8.
            images: float32 [F, 3, H, W], ImageNet-normalised.
            tokens: int64 [F, h, w], tile numbers, -1 for cells without a single tile.
        """
        said = self.head(features.movedim(1, -1))
        names, energies = said.split([self.tiles, TextureEnergies.channels], dim=-1)
        pure = tokens >= 0
        count = pure.sum().clamp(min=1)
        tile = F.cross_entropy(names.movedim(-1, 1), tokens, ignore_index=-1, reduction="sum") / count
        texture = F.mse_loss(energies.movedim(-1, 1), self.energies(images))
        accuracy = ((names.argmax(-1) == tokens) & pure).sum() / count
        return ContentLoss(tile, texture, accuracy)


class TrackingObjective(nn.Module):
    """5 BCE + Dice on each frame separately: on targets, and on references that are not prompted by their mask.

    Args:
        pixel: weight of the cross-entropy; that of Dice is 1.
    """

    def __init__(self, pixel: float = 5.0) -> None:
        super().__init__()
        self.losses = WeightedSum({"bce": BCE(weight=pixel), "dice": Dice()})

    def forward(self, logits: Tensor, batch: ClipBatch) -> LossValues:
        """The loss of a batch.

        Args:
            logits: float32 [B, T, H, W].
            batch: the clips.
        """
        asked = torch.ones(logits.shape[:2], dtype=torch.bool, device=logits.device)
        kinds = [[prompt.kind != "mask" for prompt in prompts] for prompts in batch.prompts]
        asked[:, : batch.shots] = torch.tensor(kinds, device=logits.device)
        values: LossValues = self.losses(logits[asked][:, None], batch.masks[asked][:, None])
        return values
