"""SAM 3's tracker behind the contract of a tracker (docs/trackers.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from sam2.modeling.sam2_utils import get_1d_sine_pe
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from sansa_lightning.clips.frames import IMAGENET_MEAN, IMAGENET_STD, normalise
from sansa_lightning.trackers.base import (
    AttentionBias,
    Decoded,
    DecoderPrompt,
    DecodeRule,
    EncoderBlock,
    Features,
    Memory,
    MemoryTokens,
    Place,
    Tracker,
)
from sansa_lightning.trackers.memory_tokens import map_tokens, memory_tokens
from sansa_lightning.trackers.recompute import recompute_from_first_trained
from sansa_lightning.trackers.sam2.attention_bias import biased
from sansa_lightning.trackers.sam3.published_layout import own_names

TRUNK = "vision_encoder.backbone"
NO_OBJECT = -1024.0
"""The logits for an absent object."""

LEVELS = 3
"""Maps of the neck that tracking uses, from fine to coarse; there is a coarser one, which it does not."""

MASK_STRIDE = 16
"""Side of the memory encoder's masks over that of the image features, whatever the patches' own stride."""


class Sam3Tracker(Tracker):
    """The networks and the state dict of a ``Sam3TrackerVideoModel``, without its sessions.

    Its trunk is a plain ViT of one resolution: a stage is what ends with a block that looks at the whole image. Object
    scores are always computed; only ``DecodeRule.gate`` uses them. What the library's sessions do with an absent
    object's pointer and memory is not done here, as SANSA does it with SAM 2.

    Args:
        model: of the library, whose modules and tensors become this tracker's.
    """

    # Modules and tensors of the model.
    vision_encoder: Any
    memory_attention: Any
    memory_encoder: Any
    prompt_encoder: Any
    mask_decoder: Any
    mask_downsample: Any
    object_pointer_proj: Any
    shared_image_embedding: Any
    temporal_positional_encoding_projection_layer: Any
    no_memory_embedding: Tensor
    memory_temporal_positional_encoding: Tensor
    pixel_scale: Tensor
    pixel_shift: Tensor

    def __init__(self, model: Any) -> None:
        super().__init__()
        for name, module in model.named_children():
            self.add_module(name, module)
        for name, parameter in model.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        # From pixels normalised by ImageNet's mean and deviation, as frames come, to the range from -1 to 1.
        mean, deviation = (torch.tensor(values).reshape(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        self.register_buffer("pixel_scale", deviation * 2, persistent=False)
        self.register_buffer("pixel_shift", mean * 2 - 1, persistent=False)
        self.image_size = int(model.config.image_size)
        self._most_pointers = int(model.config.max_object_pointers_in_encoder)

    @property
    def memory_rows(self) -> int:
        """See :class:`Tracker`."""
        return len(self.memory_temporal_positional_encoding)

    @property
    def most_pointers(self) -> int:
        """See :class:`Tracker`."""
        return self._most_pointers

    def encode(self, images: Tensor, chunk: int | None = None) -> Features:
        """See :class:`Tracker`."""
        size = (self.image_size, self.image_size)
        frames = F.interpolate(self._pixels(images), size, mode="bilinear", align_corners=False, antialias=True)
        parts = [self.vision_encoder(part) for part in self._as_weights(frames).split(chunk or len(frames))]
        levels = [torch.cat([part.fpn_hidden_states[level] for part in parts]) for level in range(LEVELS)]
        fine = self.mask_decoder.conv_s0(levels[0]), self.mask_decoder.conv_s1(levels[1])
        return Features(levels[2], fine, self._as_weights(parts[0].fpn_position_encoding[LEVELS - 1][:1]))

    def stages(self, images: Tensor) -> list[Tensor]:
        """See :class:`Tracker`."""
        maps: list[Tensor] = []
        handles = [self._on_block(number, maps.append) for number in self._stage_ends()]
        try:
            self.vision_encoder.backbone(self._as_weights(self._pixels(images)))
        finally:
            for handle in handles:
                handle.remove()
        return maps

    def own_layout(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """See :class:`Tracker`; the published file, in which a detector is too, is known."""
        return own_names(state)

    def without_memory(self, features: Features) -> Features:
        """See :class:`Tracker`."""
        return features.with_image(features.image + self.no_memory_embedding.reshape(1, -1, 1, 1))

    def mask_prompt(self, mask: Tensor) -> Tensor:
        """See :class:`Tracker`."""
        return self.low_resolution(self.mask_downsample(self._as_weights(mask)))

    def low_resolution(self, maps: Tensor) -> Tensor:
        """See :class:`Tracker`."""
        return _resized(maps, self.prompt_encoder.mask_input_size[0], antialias=True)

    def full_resolution(self, masks: Tensor) -> Tensor:
        """See :class:`Tracker`; first at the size of the input, then at that of the memory encoder, as in sessions."""
        size = MASK_STRIDE * self.prompt_encoder.image_embedding_size[0]
        return _resized(_resized(masks, self.image_size), size, antialias=True)

    def remember(self, features: Features, mask: Tensor, pointer: Tensor) -> Memory:
        """See :class:`Tracker`."""
        written, position = self.memory_encoder(features.image, self._as_weights(mask))
        return Memory(written, position, pointer)

    def tokens(
        self, memories: Sequence[tuple[Memory, int | None]], pointers: Sequence[tuple[Memory, int]], limit: int
    ) -> MemoryTokens:
        """See :class:`Tracker`."""
        width = self.no_memory_embedding.shape[-1]

        def encode(distances: Tensor) -> Tensor:
            sines = self._as_weights(get_1d_sine_pe(distances / (limit - 1), dim=width))
            encoded: Tensor = self.temporal_positional_encoding_projection_layer(sines)
            return encoded

        return memory_tokens(memories, pointers, self.memory_temporal_positional_encoding, encode)

    def attend(self, features: Features, tokens: MemoryTokens, bias: AttentionBias | None = None) -> Features:
        """See :class:`Tracker`."""
        crossing = (layer.cross_attn_image for layer in self.memory_attention.layers)
        position = map_tokens(features.position.expand_as(features.image))
        with nullcontext() if bias is None else biased(crossing, bias):
            conditioned: Tensor = self.memory_attention(
                map_tokens(features.image), tokens.keys, position, tokens.positions, tokens.pointers
            )
        return features.with_image(conditioned[0].mT.reshape_as(features.image))

    def decode(self, features: Features, prompt: DecoderPrompt, rule: DecodeRule) -> Decoded:
        """See :class:`Tracker`."""
        sparse, dense = self._prompted(features, prompt)
        masks, ious, tokens, scores = self._candidates(rule)(
            image_embeddings=features.image,
            image_positional_embeddings=self._grid(features).expand(len(features.image), -1, -1, -1),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=rule.masks == "best",
            high_resolution_features=list(features.fine),
        )
        best, frames = ious[:, 0].argmax(dim=-1), torch.arange(len(masks), device=masks.device)
        mask = masks[frames, 0, best][:, None].float()
        if rule.gate:
            mask = torch.where(scores[..., None] > 0, mask, NO_OBJECT)
        pointer = self.object_pointer_proj(tokens[frames, 0, best])
        return Decoded(mask, pointer, ious[frames, 0, best], scores[:, 0, 0])

    def _prompted(self, features: Features, prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        """What the decoder reads beside the features: of points, and of the mask."""
        coords, labels = prompt.coords, prompt.labels
        if coords is None or labels is None:  # one padding point per frame, as in sessions
            coords = features.image.new_zeros(len(features.image), 1, 2)
            labels = torch.full(coords.shape[:2], -1, dtype=torch.int32, device=coords.device)
        mask = None if prompt.mask is None else self._as_weights(prompt.mask)
        sparse, dense = self.prompt_encoder(coords[:, None], labels[:, None], None, mask)
        return self._as_weights(sparse), self._as_weights(dense)

    def _grid(self, features: Features) -> Tensor:
        """The positions of all cells as the decoder reads them, [1, C, h, w]."""
        height, width = features.image.shape[-2:]
        places = ((torch.arange(side, device=features.image.device) + 0.5) / side for side in (height, width))
        y, x = torch.meshgrid(*places, indexing="ij")
        positions: Tensor = self.shared_image_embedding(torch.stack([x, y], dim=-1))
        return self._as_weights(positions).permute(2, 0, 1)[None]

    def _candidates(self, rule: DecodeRule) -> Any:
        """The decoder, with the rule's fall-back to one of three masks."""
        decoder = self.mask_decoder
        decoder.dynamic_multimask_via_stability = rule.stability is not None
        decoder.dynamic_multimask_stability_thresh = rule.stability
        decoder.dynamic_multimask_stability_delta = rule.delta
        return decoder

    def _pixels(self, images: Tensor) -> Tensor:
        return normalise(images) * self.pixel_scale + self.pixel_shift

    def _as_weights(self, values: Tensor) -> Tensor:
        """Values in the weights' number format, unless that is float32: autocast then decides itself."""
        dtype = self.no_memory_embedding.dtype
        return values if dtype == torch.float32 else values.to(dtype)

    def _stage_ends(self) -> list[int]:
        return [number for number, layer in enumerate(self.vision_encoder.backbone.layers) if not layer.window_size]

    def blocks(self) -> list[EncoderBlock]:
        """See :class:`Tracker`."""
        layers, ends = self.vision_encoder.backbone.layers, self._stage_ends()
        width = self.vision_encoder.backbone.layer_norm.normalized_shape[0]
        names = ("attention.o_proj", "layer_norm2", "mlp")
        return [
            EncoderBlock(
                number, sum(number > end for end in ends[:-1]), f"{TRUNK}.layers.{number}", layer, width, width, *names
            )
            for number, layer in enumerate(layers)
        ]

    def parts(self) -> Mapping[str, tuple[str, ...]]:
        """See :class:`Tracker`; a tensor outside the modules belongs to the part that reads or writes it."""
        qkv = [f"{block.name}.attention.{layer}_proj" for block in self.blocks() for layer in "qkv"]
        return {
            "trunk": (TRUNK,),
            "neck": ("vision_encoder.neck",),
            "qkv": tuple(qkv),
            "memory_attention": ("memory_attention", "no_memory_embedding", "no_memory_positional_encoding"),
            "memory_encoder": (
                *("memory_encoder", "memory_temporal_positional_encoding"),
                "occlusion_spatial_embedding_parameter",
            ),
            "prompt_encoder": ("prompt_encoder", "mask_downsample", "shared_image_embedding"),
            "mask_decoder": (
                *("mask_decoder", "object_pointer_proj", "no_object_pointer"),
                "temporal_positional_encoding_projection_layer",
            ),
        }

    def tap(self, place: Place, hear: Callable[[Tensor], None]) -> RemovableHandle:
        """See :class:`Tracker`."""
        if place == "neck":
            encoder = self.vision_encoder
            return encoder.register_forward_hook(lambda _m, _i, out: hear(out.fpn_hidden_states[LEVELS - 1]))
        if place == "decoder":
            return self.mask_decoder.transformer.register_forward_hook(lambda _m, _i, out: hear(out[1][:, 0]))
        return self._on_block(self._stage_ends()[int(place.removeprefix("stage "))], hear)

    def _on_block(self, number: int, hear: Callable[[Tensor], None]) -> RemovableHandle:
        """Hear the map that a block gives, [F, C, h, w]."""
        layer = self.vision_encoder.backbone.layers[number]
        return layer.register_forward_hook(lambda _m, _i, out: hear(out.permute(0, 3, 1, 2)))

    def recompute(self) -> None:
        """See :class:`Tracker`; each layer of memory attention is recomputed too."""
        recompute_from_first_trained(self.vision_encoder.backbone.layers, self.memory_attention.layers)


def _resized(maps: Tensor, side: int, antialias: bool = False) -> Tensor:
    """Maps [G, 1, M, M] at another size, float32."""
    return F.interpolate(maps.float(), (side, side), mode="bilinear", align_corners=False, antialias=antialias)
