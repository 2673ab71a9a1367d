"""SAM 2 behind the contract of a tracker."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from sam2.modeling.sam2_base import SAM2Base
from sam2.modeling.sam2_utils import get_1d_sine_pe
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from sansa_lightning.clips.frames import normalise
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
from sansa_lightning.trackers.chunks import PATCH, attend_in_parts, clips_at_once, frames_at_once
from sansa_lightning.trackers.compiled import Compile, compile_modules
from sansa_lightning.trackers.encoder_cache import EncoderCache
from sansa_lightning.trackers.memory_tokens import map_tokens, memory_tokens
from sansa_lightning.trackers.recompute import recompute_from_first_trained, while_recomputing
from sansa_lightning.trackers.sam2.attention_bias import biased
from sansa_lightning.trackers.sam2.kept_encoder import KeptSam2Encoder
from sansa_lightning.trackers.sam2.points import padded_points
from sansa_lightning.trackers.sam2.transformers_layout import official_layout

TRUNK = "image_encoder.trunk"
NO_OBJECT = -1024.0
"""SAM 2's logits for an absent object."""

SHORT = (torch.float16, torch.bfloat16)
"""Number formats that the weights may be turned into after training, by ``.half()`` and ``.bfloat16()``."""


class Sam2Tracker(SAM2Base, Tracker):  # type: ignore[misc]  # sam2 has no annotations
    """The networks and the state dict of a SAM2Base, without its tracking code."""

    # Attributes that SAM2Base sets.
    image_encoder: Any
    memory_attention: Any
    memory_encoder: Any
    sam_prompt_encoder: Any
    sam_mask_decoder: Any
    mask_downsample: Any
    forward_image: Any
    no_mem_embed: Tensor
    maskmem_tpos_enc: Tensor
    obj_ptr_proj: Any
    obj_ptr_tpos_proj: Any
    num_feature_levels: int
    num_maskmem: int
    max_obj_ptrs_in_encoder: int
    mem_dim: int
    hidden_dim: int
    pred_obj_scores: bool
    fixed_no_obj_ptr: bool
    no_obj_ptr: Tensor
    add_tpos_enc_to_obj_ptrs: bool
    proj_tpos_enc_in_obj_ptrs: bool
    kept: KeptSam2Encoder | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heard: OrderedDict[int, str] = OrderedDict()  # what listens inside the modules now

    @property
    def memory_rows(self) -> int:
        """See :class:`Tracker`."""
        return self.num_maskmem

    @property
    def most_pointers(self) -> int:
        """See :class:`Tracker`."""
        return self.max_obj_ptrs_in_encoder

    @property
    def token_width(self) -> int:
        """See :class:`Tracker`."""
        return self.hidden_dim

    def encode(self, images: Tensor, chunk: int | None = None) -> Features:
        """See :class:`Tracker`."""
        chunk = chunk or frames_at_once(images.device, self.image_size // PATCH, self.blocks()[0].dim)
        if self.kept is not None:
            if self.kept.active and not self._heard:
                return self.kept.encode(images, chunk)
            self.kept.counts["bypassed"] += len(images)
        parts = [self.forward_image(part) for part in self.pixels(images).split(chunk)]
        levels = [torch.cat([part["backbone_fpn"][i] for part in parts]) for i in range(self.num_feature_levels)]
        # The neck adds in float32 whatever it is of.
        *fine, image, position = map(self.as_weights, (*levels, parts[0]["vision_pos_enc"][-1][:1]))
        return Features(image, tuple(fine), position)

    def pixels(self, images: Tensor) -> Tensor:
        """What the image encoder takes of frames of any size, [F, 3, S, S]."""
        size = (self.image_size, self.image_size)
        frames = F.interpolate(normalise(images), size, mode="bilinear", align_corners=False, antialias=True)
        return self.as_weights(frames)

    def compile_regions(self, settings: Compile) -> None:
        """See :class:`Tracker`; an encoder with a cache runs block by block, and is not compiled."""
        encoder = [] if self.kept is not None else [self.image_encoder.trunk, self.image_encoder.neck]
        regions: dict[str, list[Any]] = {
            "encoder": encoder,
            "memory_attention": [self.memory_attention],
            "mask_decoder": [self.sam_mask_decoder],
        }
        compile_modules([each for name in settings.regions for each in regions[name]], settings, self._heard)

    def cache_encoder(self, settings: EncoderCache, changed: Collection[str]) -> None:
        """See :class:`Tracker`."""
        self.kept = KeptSam2Encoder(self, settings, changed)

    def stages(self, images: Tensor) -> list[Tensor]:
        """See :class:`Tracker`."""
        return list(self.image_encoder.trunk(self.as_weights(normalise(images))))

    def own_layout(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """See :class:`Tracker`; files of the transformers library are known."""
        return official_layout(state)

    def without_memory(self, features: Features) -> Features:
        """See :class:`Tracker`."""
        return features.with_image(features.image + self.no_mem_embed.reshape(1, -1, 1, 1))

    def gated(self, pointers: Tensor, shown: Tensor) -> Tensor:
        """See :class:`Tracker`; a base without object scores has no vector for an absent object."""
        if not self.pred_obj_scores:
            return pointers
        kept = shown[:, None].to(pointers.dtype)
        return (kept * pointers if self.fixed_no_obj_ptr else pointers) + (1 - kept) * self.no_obj_ptr

    def mask_prompt(self, mask: Tensor) -> Tensor:
        """See :class:`Tracker`."""
        return self.low_resolution(self.mask_downsample(self.as_weights(mask)))

    def low_resolution(self, maps: Tensor) -> Tensor:
        """See :class:`Tracker`."""
        size = tuple(self.sam_prompt_encoder.mask_input_size)
        # In float32: under autocast a convolution's result is bfloat16, which antialiasing on the CPU cannot handle.
        return F.interpolate(maps.float(), size, mode="bilinear", align_corners=False, antialias=True)

    def full_resolution(self, masks: Tensor) -> Tensor:
        """See :class:`Tracker`."""
        return F.interpolate(masks, (self.image_size, self.image_size), mode="bilinear", align_corners=False)

    def remember(self, features: Features, mask: Tensor, pointer: Tensor) -> Memory:
        """See :class:`Tracker`."""
        written = self.memory_encoder(features.image, self.as_weights(mask), skip_mask_sigmoid=True)
        return Memory(written["vision_features"], written["vision_pos_enc"][0], pointer)

    def tokens(
        self, memories: Sequence[tuple[Memory, int | None]], pointers: Sequence[tuple[Memory, int]], limit: int
    ) -> MemoryTokens:
        """See :class:`Tracker`."""
        return memory_tokens(
            memories, pointers, self.maskmem_tpos_enc, lambda seen: self._pointer_positions(seen, limit)
        )

    def _pointer_positions(self, distances: Tensor, limit: int) -> Tensor:
        """Positions of pointers at distances in frames, float32 [P]: [P, M], or [1, M] if they are not encoded."""
        if not self.add_tpos_enc_to_obj_ptrs:
            return self.maskmem_tpos_enc.new_zeros(1, self.mem_dim)
        width = self.hidden_dim if self.proj_tpos_enc_in_obj_ptrs else self.mem_dim
        encoded: Tensor = self.obj_ptr_tpos_proj(self.as_weights(get_1d_sine_pe(distances / (limit - 1), dim=width)))
        return encoded

    def attend(self, features: Features, tokens: MemoryTokens, bias: AttentionBias | None = None) -> Features:
        """See :class:`Tracker`."""
        if bias is None and (part := clips_at_once(features.image)) < len(features.image):
            return attend_in_parts(self.attend, features, tokens, part)
        crossing = [layer.cross_attn_image for layer in self.memory_attention.layers]
        # Layers that are recomputed in the backward pass need it there, too.
        with nullcontext() if bias is None else self._listening(while_recomputing(lambda: biased(crossing, bias))):
            conditioned: Tensor = self.memory_attention(
                curr=[map_tokens(features.image)],
                curr_pos=[map_tokens(features.position.expand_as(features.image))],
                memory=tokens.keys,
                memory_pos=tokens.positions,
                num_obj_ptr_tokens=tokens.pointers,
            )
        return features.with_image(conditioned.permute(1, 2, 0).reshape_as(features.image))

    @contextmanager
    def _listening(self, inside: AbstractContextManager[None]) -> Iterator[None]:
        """Enter a context that acts inside modules, which then run as they are written."""
        self._heard[-1] = "bias"
        try:
            with inside:
                yield
        finally:
            del self._heard[-1]

    def decode(self, features: Features, prompt: DecoderPrompt, rule: DecodeRule) -> Decoded:
        """See :class:`Tracker`."""
        if rule.gate and not self.pred_obj_scores:
            msg = "DecodeRule.gate: expected a tracker with object scores; build the base with object_scores: true"
            raise ValueError(msg)
        sparse, dense, position = self._prompted(features, prompt)
        masks, ious, tokens, score = self._candidates(rule)(
            image_embeddings=features.image,
            image_pe=position,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=rule.masks == "best",
            repeat_image=False,
            high_res_features=list(features.fine),
        )
        best, frames = ious.argmax(dim=-1), torch.arange(len(masks), device=masks.device)
        mask = masks[frames, best][:, None].float()
        if rule.gate:
            mask = torch.where(score[..., None, None] > 0, mask, NO_OBJECT)
        # A base may have a single pointer token for its three masks.
        pointer = self.obj_ptr_proj(tokens[frames, best] if tokens.shape[1] > 1 else tokens[:, 0])
        return Decoded(mask, pointer, ious[frames, best], score[:, 0] if self.pred_obj_scores else None)

    def _prompted(self, features: Features, prompt: DecoderPrompt) -> tuple[Tensor, Tensor, Tensor]:
        """What the decoder reads beside the features: of points, of the mask, and the position of each cell."""
        points = padded_points(features, prompt)
        dtype, encoder = self.no_mem_embed.dtype, self.sam_prompt_encoder
        # It computes positions in float32, with a matrix that is of the weights' type.
        mixed = torch.autocast(features.image.device.type, dtype) if dtype in SHORT else nullcontext()
        with mixed:
            sparse, dense = encoder(points=points, boxes=None, masks=prompt.mask)
            position = encoder.get_dense_pe()
        if prompt.tokens is not None:  # the last token is of a point that SAM 2 itself pads
            sparse = sparse + F.pad(prompt.tokens, (0, 0, sparse.shape[1] - 1 - prompt.tokens.shape[1], 1))
        return self.as_weights(sparse), self.as_weights(dense), self.as_weights(position)

    def as_weights(self, values: Tensor) -> Tensor:
        """Values in the weights' number format where that is shorter than float32; the same tensor where it is not."""
        dtype = self.no_mem_embed.dtype
        return values.to(dtype) if dtype in SHORT else values

    def _candidates(self, rule: DecodeRule) -> Any:
        """The decoder, with the rule's fall-back to one of three masks."""
        decoder = self.sam_mask_decoder
        decoder.dynamic_multimask_via_stability = rule.stability is not None
        decoder.dynamic_multimask_stability_thresh = rule.stability
        decoder.dynamic_multimask_stability_delta = rule.delta
        return decoder

    def blocks(self) -> list[EncoderBlock]:
        """See :class:`Tracker`."""
        trunk = self.image_encoder.trunk
        stages = [sum(number > end for end in trunk.stage_ends) for number in range(len(trunk.blocks))]
        return [
            EncoderBlock(number, stage, f"{TRUNK}.blocks.{number}", block, block.dim, block.dim_out)
            for number, (stage, block) in enumerate(zip(stages, trunk.blocks, strict=True))
        ]

    def parts(self) -> Mapping[str, tuple[str, ...]]:
        """See :class:`Tracker`; a tensor of SAM2Base itself belongs to the part that reads or writes it."""
        return {
            "trunk": (TRUNK,),
            "neck": ("image_encoder.neck",),
            "qkv": tuple(f"{block.name}.attn.qkv" for block in self.blocks()),
            "memory_attention": ("memory_attention", "no_mem_embed", "no_mem_pos_enc"),
            "memory_encoder": ("memory_encoder", "maskmem_tpos_enc"),
            "prompt_encoder": ("sam_prompt_encoder", "mask_downsample"),
            "mask_decoder": ("sam_mask_decoder", "obj_ptr_proj", "obj_ptr_tpos_proj"),
        }

    def tap(self, place: Place, hear: Callable[[Tensor], None]) -> RemovableHandle:
        """See :class:`Tracker`; while something is tapped, no kept results are used, which pass the places by."""
        handle: RemovableHandle = self._tap(place, hear)
        handle.extra_dict_ref += (weakref.ref(self._heard),)
        self._heard[handle.id] = place
        return handle

    def _tap(self, place: Place, hear: Callable[[Tensor], None]) -> RemovableHandle:
        if place == "neck":
            return self.image_encoder.register_forward_hook(lambda _m, _i, out: hear(out["vision_features"]))
        if place == "decoder":
            return self.sam_mask_decoder.transformer.register_forward_hook(lambda _m, _i, out: hear(out[1]))
        stage = int(place.removeprefix("stage "))
        return self.image_encoder.trunk.register_forward_hook(lambda _m, _i, out: hear(out[stage]))

    def recompute(self) -> None:
        """See :class:`Tracker`; each layer of memory attention is recomputed too."""
        recompute_from_first_trained(self.image_encoder.trunk.blocks, self.memory_attention.layers)
