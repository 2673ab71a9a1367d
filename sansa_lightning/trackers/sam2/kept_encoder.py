"""SAM 2's image encoder in two parts, so that the results of the frozen blocks below the first trained one are kept."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sansa_lightning.trackers.base import Features
from sansa_lightning.trackers.encoder_cache import (
    EncoderCache,
    KeptResults,
    image_keys,
    number_format,
    stamp,
    weights_key,
)

if TYPE_CHECKING:
    from sansa_lightning.trackers.sam2.tracker import Sam2Tracker

WHOLE = "whole "
"""Beginning of the keys of whole results, which are forgotten after an evaluation."""


class KeptSam2Encoder:
    """The image encoder of a tracker, with a cache; see :class:`~sansa_lightning.trackers.encoder_cache.KeptEncoder`.

    Args:
        tracker: whose encoder it is.
        settings: of the cache.
        changed: names of parameters that train and of modules that a strategy added or wrapped.

    Attributes:
        cut: number of the first block above; blocks below it, and whatever else :meth:`_below` runs, are unchanged.
        neck: whether the neck's finest maps, which depend on the first stages alone, are below, too.
    """

    def __init__(self, tracker: Sam2Tracker, settings: EncoderCache, changed: Collection[str]) -> None:
        self.tracker = tracker
        self.active = True
        self.evaluating = False
        self.results = KeptResults(settings)
        blocks = tracker.blocks()
        free = [not _touched(changed, block.name) for block in blocks]
        before = any(name.startswith("image_encoder.trunk.") and ".blocks." not in name for name in changed)
        self.cut = 0 if before else [*free, False].index(False)
        convolutions = ("image_encoder.neck", "sam_mask_decoder.conv_s0", "sam_mask_decoder.conv_s1")
        self.neck = not any(_touched(changed, name) for name in convolutions)
        self._weights: tuple[Any, str] | None = None

    @property
    def counts(self) -> Counter[str]:
        """See :class:`KeptResults`."""
        return self.results.counts

    def evaluation(self, begins: bool) -> None:
        """See :class:`~sansa_lightning.trackers.encoder_cache.KeptEncoder`."""
        self.evaluating = begins
        self.results.forget_all(WHOLE)

    def encode(self, images: Tensor, chunk: int) -> Features:
        """See :meth:`~sansa_lightning.trackers.base.Tracker.encode`."""
        keys = image_keys(images)

        def fresh(frames: Tensor) -> tuple[Tensor, ...]:
            chosen = [keys[number] for number in frames.tolist()]
            return self._in_chunks(images[frames], chosen, chunk)

        if not self.evaluating or torch.is_grad_enabled():
            maps = self._in_chunks(images, keys, chunk)
        else:
            state = f"{self.tracker.left_out} {number_format(images.device)} {self.tracker.no_mem_embed.dtype}"
            maps = self.results.gather([f"{WHOLE}{key} {state}" for key in keys], fresh, images.device, lasting=False)
        image, *fine = maps
        encoder = self.tracker.image_encoder.neck.position_encoding
        return Features(image, tuple(fine), encoder(image[:1]).to(image.dtype))

    def _in_chunks(self, images: Tensor, keys: Sequence[str], chunk: int) -> tuple[Tensor, ...]:
        """Image features and finer maps, computed for some frames at a time."""
        starts = range(0, len(images), chunk)
        parts = [self._split(images[i : i + chunk], keys[i : i + chunk]) for i in starts]
        return parts[0] if len(parts) == 1 else tuple(map(torch.cat, zip(*parts, strict=True)))

    def _split(self, images: Tensor, keys: Sequence[str]) -> tuple[Tensor, ...]:
        if not self.cut:  # there is nothing below but the patch embedding
            self.counts["computed"] += len(images)
            return self._above(self._below(images))
        own = f"{self.cut} {self.neck} {self._key()} {self.tracker.image_size} {number_format(images.device)}"
        below = self.results.gather(
            [_digest(f"{key} {own}") for key in keys],
            lambda frames: self._below_alone(images[frames]),
            images.device,
            lasting=True,
        )
        return self._above(below)

    def _below_alone(self, images: Tensor) -> tuple[Tensor, ...]:
        """:meth:`_below` without a graph, as tensors that training can use even if an evaluation made them."""
        with torch.inference_mode(mode=False), torch.no_grad():
            return self._below(images)

    def _below(self, images: Tensor) -> tuple[Tensor, ...]:
        """The map at the cut, [F, h, w, C], and the maps of the stages below it, of the finest through the neck."""
        trunk = self.tracker.image_encoder.trunk
        x = trunk.patch_embed(self.tracker.pixels(images))
        x = x + trunk._get_pos_embed(x.shape[1:3])
        x, maps = self._through(x, range(self.cut))
        return x, *(self._projected(level, each) for level, each in enumerate(maps))

    def _above(self, below: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Image features and finer maps."""
        x, *lower = below
        encoder, tracker = self.tracker.image_encoder, self.tracker
        _, upper = self._through(x, range(self.cut, len(encoder.trunk.blocks)))
        maps = [*lower, *upper]
        done = [level < len(lower) and self._is_projected(level) for level in range(len(maps))]
        # The neck takes all maps; those that need it no more go through as a single cell of zeros.
        channels = encoder.neck.backbone_channel_list[::-1]
        stubs = [x.new_zeros(1, width, 1, 1) for width in channels]
        out, _ = encoder.neck([stub if ready else each for stub, ready, each in zip(stubs, done, maps, strict=True)])
        levels = [
            maps[level] if done[level] else self._fine(level, out[level]) for level in range(tracker.num_feature_levels)
        ]
        *fine, image = map(tracker.as_weights, levels)
        return image, *fine

    def _through(self, x: Tensor, numbers: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """Through some blocks; the last map, [F, h, w, C], and those at the ends of stages, [F, C, h, w]."""
        trunk, maps = self.tracker.image_encoder.trunk, []
        for number in numbers:
            x = trunk.blocks[number](x)
            if number in trunk.stage_ends:
                maps.append(x.permute(0, 3, 1, 2))
        return x, maps

    def _is_projected(self, level: int) -> bool:
        """Whether the neck's map of a level that lies below depends on that level alone, and is computed below."""
        return self.neck and level not in self.tracker.image_encoder.neck.fpn_top_down_levels

    def _projected(self, level: int, map_: Tensor) -> Tensor:
        if not self._is_projected(level):
            return map_
        convolutions = self.tracker.image_encoder.neck.convs
        return self._fine(level, convolutions[len(convolutions) - 1 - level](map_))

    def _fine(self, level: int, map_: Tensor) -> Tensor:
        """The neck's map as the decoder reads it."""
        decoder = self.tracker.sam_mask_decoder
        convolutions = (decoder.conv_s0, decoder.conv_s1) if self.tracker.use_high_res_features_in_sam else ()
        projected: Tensor = convolutions[level](map_) if level < len(convolutions) else map_
        return projected

    def _key(self) -> str:
        """Of the weights below; computed anew when one of them was written to."""
        own = list(self._own())
        now = stamp(own)
        if self._weights is None or self._weights[0] != now:
            self._weights = (now, weights_key(own))
        return self._weights[1]

    def _own(self) -> Iterator[tuple[str, Tensor]]:
        trunk, decoder = self.tracker.image_encoder.trunk, self.tracker.sam_mask_decoder
        yield from ((name, getattr(trunk, name)) for name in ("pos_embed", "pos_embed_window"))
        modules: list[nn.Module] = [trunk.patch_embed, *trunk.blocks[: self.cut]]
        if self.neck:
            modules += [self.tracker.image_encoder.neck]
            modules += [decoder.conv_s0, decoder.conv_s1] if self.tracker.use_high_res_features_in_sam else []
        for place, module in enumerate(modules):
            yield from ((f"{place}.{name}", tensor) for name, tensor in module.state_dict(keep_vars=True).items())


def _touched(changed: Collection[str], name: str) -> bool:
    """Whether something in a module, or the module itself, was changed."""
    return any(f"{each}.".startswith(f"{name}.") for each in changed)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
