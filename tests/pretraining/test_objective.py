"""The losses of pretraining against independent computations."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from builders import frames, mask_prompt
from sansa_lightning import Prompt
from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.episode import Episode
from sansa_lightning.clips.frames import IMAGENET_MEAN, IMAGENET_STD
from sansa_lightning.pretraining.objective import ContentObjective, TextureEnergies, TrackingObjective

EPISODE = Episode("tracking", 0, ("a",), ("b", "c"))


def normalised(grey: torch.Tensor) -> torch.Tensor:
    """Grey pictures [F, H, W] in [0, 1] as frames."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (grey[:, None] - mean) / std


class TestTextureEnergies:
    def test_the_largest_energy_is_that_of_the_grating_shown(self):
        x = torch.arange(96).float()
        pictures = [
            0.5 + 0.3 * torch.cos(2 * math.pi * x / wavelength).expand(96, 96) for wavelength in (4.0, 7.0, 12.0)
        ]
        upright = normalised(torch.stack([*pictures, *(picture.T for picture in pictures)]))
        inner = TextureEnergies()(upright)[:, :, 3:-3, 3:-3].mean((2, 3))
        # Channels: wavelength after wavelength, six directions each; the third of them is 90 degrees.
        assert inner.argmax(0)[[0, 6, 12, 3, 9, 15]].tolist() == [0, 1, 2, 3, 4, 5]

    def test_are_standardised_over_frames_and_places(self):
        energies = TextureEnergies()(frames(4, 1)[:, 0])
        assert energies.shape == (4, 18, 12, 12)
        assert energies.mean((0, 2, 3)).abs().max() < 1e-4
        assert 0.5 < float(energies.std()) < 1

    def test_are_blind_to_colour(self):
        grey = torch.rand(2, 96, 96, generator=torch.Generator().manual_seed(0))
        tint = torch.tensor([0.587, -0.299, 0.0])  # of no luma
        std = torch.tensor(IMAGENET_STD)
        tinted = normalised(grey) + (tint / std)[:, None, None]
        torch.testing.assert_close(TextureEnergies()(tinted), TextureEnergies()(normalised(grey)), rtol=0, atol=1e-3)


class TestContentObjective:
    def test_counts_pure_cells_only(self):
        torch.manual_seed(0)
        objective, images, features = ContentObjective(16, 5), frames(1, 2)[0], torch.randn(2, 16, 12, 12)
        tokens = torch.full((2, 12, 12), -1)
        tokens[0, 3, 4], tokens[1, 0, 11] = 2, 4
        found = objective(features, images, tokens)
        said = objective.head(torch.stack([features[0, :, 3, 4], features[1, :, 0, 11]]))[:, :5]
        torch.testing.assert_close(found.tile, F.cross_entropy(said, torch.tensor([2, 4])))
        assert float(found.accuracy) == float((said.argmax(1) == torch.tensor([2, 4])).float().mean())

    def test_texture_is_the_mean_squared_error_of_the_energies(self):
        torch.manual_seed(0)
        objective, images, features = ContentObjective(16, 5), frames(1, 2)[0], torch.randn(2, 16, 12, 12)
        said = objective.head(features.permute(0, 2, 3, 1))[..., 5:].permute(0, 3, 1, 2)
        found = objective(features, images, torch.full((2, 12, 12), -1))
        torch.testing.assert_close(found.texture, (said - TextureEnergies()(images)).square().mean())
        assert float(found.tile.detach()) == 0  # and not NaN, when no cell is pure


class TestTrackingObjective:
    def batch(self, prompts: tuple[Prompt, ...]) -> ClipBatch:
        masks = torch.zeros(len(prompts), 3, 96, 96, dtype=torch.uint8)
        masks[:, :, 20:45, 25:60] = 1
        each = tuple((prompt,) for prompt in prompts)
        images = frames(len(prompts), 3)
        return ClipBatch((EPISODE,) * len(prompts), images, masks, each)

    def test_is_five_cross_entropies_and_dice_of_each_frame(self):
        batch = self.batch((Prompt.box([25, 20, 60, 45]),))
        logits = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
        truth, probability = batch.masks.float(), logits.sigmoid()
        bce = -(truth * probability.log() + (1 - truth) * (1 - probability).log()).mean()
        overlap = 2 * (truth * probability).sum((2, 3)) + 1
        dice = (1 - overlap / (truth.sum((2, 3)) + probability.sum((2, 3)) + 1)).mean()
        torch.testing.assert_close(TrackingObjective()(logits, batch).total, 5 * bce + dice)

    def test_asks_of_references_only_what_they_were_not_told(self):
        batch = self.batch((mask_prompt(), Prompt.box([25, 20, 60, 45]), Prompt.points([[30, 30]])))
        logits = torch.zeros(3, 3, 96, 96, requires_grad=True)
        TrackingObjective()(logits, batch).total.backward()
        asked = logits.grad.abs().sum((2, 3)) > 0
        assert asked.tolist() == [[False, True, True], [True, True, True], [True, True, True]]
