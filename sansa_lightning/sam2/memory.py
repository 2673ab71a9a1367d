"""The memory bank of a batch of clips: what is kept of a frame, which memories a target sees, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base

KShotMemory = Literal["released", "invariant"]
"""How references become memories. "released": only the first is a conditioning frame, further ones are past frames
with recency rows, so their order matters (published code). "invariant": all are conditioning frames (what the paper
claims). Spec 1.2, step 8."""


class Memory(NamedTuple):
    """What is kept of one frame of each clip.

    Attributes:
        features: spatial memory, [B, M, h, w].
        position: its sine position, [B, M, h, w].
        pointer: object pointer, [B, C].
    """

    features: Tensor
    position: Tensor
    pointer: Tensor

    def repeat(self, times: int) -> Memory:
        """Every clip ``times`` times in a row."""
        return Memory(*(tensor.repeat_interleave(times, dim=0) for tensor in self))


class Seen(NamedTuple):
    """One past frame as a target sees it.

    Attributes:
        frame: its place in the clip.
        code: for a spatial memory, the row of the temporal embedding; for a pointer, its distance in frames.
    """

    frame: int
    code: int


def spatial_memories(frame: int, shots: int, rows: int, mode: KShotMemory) -> list[Seen]:
    """Spatial memories that target ``frame`` attends to, in order (spec 1.2, step 8).

    Conditioning frames come first and get the last row; then up to ``rows - 1`` past frames, oldest first, by recency.

    >>> spatial_memories(5, shots=5, rows=7, mode="released")
    [Seen(frame=0, code=6), Seen(frame=1, code=3), Seen(frame=2, code=2), Seen(frame=3, code=1), Seen(frame=4, code=0)]
    >>> spatial_memories(3, shots=2, rows=7, mode="invariant")
    [Seen(frame=0, code=6), Seen(frame=1, code=6), Seen(frame=2, code=0)]
    """
    conditioning = 1 if mode == "released" else shots
    recent = range(max(conditioning, frame - rows + 1), frame)
    return [Seen(t, rows - 1) for t in range(conditioning)] + [Seen(t, frame - t - 1) for t in recent]


def pointer_memories(frame: int, shots: int, limit: int, mode: KShotMemory) -> list[Seen]:
    """Object pointers that target ``frame`` attends to: of conditioning frames, then of up to ``limit - 1`` past ones.

    Distances only matter to bases that encode them (SAM 2.1); with "invariant" all references are as far as the first.

    >>> pointer_memories(3, shots=2, limit=16, mode="released")
    [Seen(frame=0, code=3), Seen(frame=2, code=1), Seen(frame=1, code=2)]
    """
    conditioning = 1 if mode == "released" else shots
    recent = range(frame - 1, max(conditioning - 1, frame - limit), -1)
    return [Seen(t, frame) for t in range(conditioning)] + [Seen(t, frame - t) for t in recent]


@dataclass
class MemoryBank:
    """Memories of the frames so far, in clip order, references first.

    Attributes:
        shots: K, how many of the frames are references.
        mode: see :data:`KShotMemory`.
        frames: one :class:`Memory` a frame.
    """

    shots: int
    mode: KShotMemory
    frames: list[Memory] = field(default_factory=list)

    def condition(self, sam: SAM2Base, image: Tensor, position: Tensor, clip_length: int) -> Tensor:
        """Features of the next frame after memory attention.

        Args:
            sam: the base.
            image: raw features of that frame, [B, C, h, w].
            position: their sine position, [1, C, h, w].
            clip_length: T; SAM 2.1 scales the distances of pointers by it.
        """
        frame = len(self.frames)
        limit = min(clip_length, sam.max_obj_ptrs_in_encoder)
        spatial = spatial_memories(frame, self.shots, sam.num_maskmem, self.mode)
        pointers = pointer_memories(frame, self.shots, limit, self.mode)
        keys, key_positions = self._spatial_tokens(sam, spatial)
        pointer_keys, pointer_positions = self._pointer_tokens(sam, pointers, limit)
        conditioned: Tensor = sam.memory_attention(
            curr=[_tokens(image)],
            curr_pos=[_tokens(position.expand_as(image))],
            memory=torch.cat([keys, pointer_keys]),
            memory_pos=torch.cat([key_positions, pointer_positions]),
            num_obj_ptr_tokens=len(pointer_keys),
        )
        return conditioned.permute(1, 2, 0).reshape_as(image)

    def _spatial_tokens(self, sam: SAM2Base, seen: list[Seen]) -> tuple[Tensor, Tensor]:
        keys = [_tokens(self.frames[frame].features) for frame, _ in seen]
        positions = [_tokens(self.frames[frame].position) + sam.maskmem_tpos_enc[row] for frame, row in seen]
        return torch.cat(keys), torch.cat(positions)

    def _pointer_tokens(self, sam: SAM2Base, seen: list[Seen], limit: int) -> tuple[Tensor, Tensor]:
        """Each pointer is cut into C / M tokens of the memory's width."""
        pointers = torch.stack([self.frames[frame].pointer for frame, _ in seen])
        count, clips, channels = pointers.shape
        pieces = channels // sam.mem_dim
        tokens = pointers.reshape(count, clips, pieces, sam.mem_dim).transpose(1, 2).flatten(0, 1)
        positions = pointers.new_zeros(count, 1, sam.mem_dim)
        if sam.add_tpos_enc_to_obj_ptrs:
            from sam2.modeling.sam2_utils import get_1d_sine_pe

            distances = torch.tensor([float(distance) for _, distance in seen], device=pointers.device)
            width = channels if sam.proj_tpos_enc_in_obj_ptrs else sam.mem_dim
            encoded = sam.obj_ptr_tpos_proj(get_1d_sine_pe(distances / (limit - 1), dim=width))
            positions = encoded[:, None]
        return tokens, positions.expand(-1, clips, -1).repeat_interleave(pieces, dim=0)


def remember(sam: SAM2Base, image: Tensor, mask_logits: Tensor, pointer: Tensor) -> Memory:
    """The memory of one frame of each clip (spec 1.2, step 7).

    Args:
        sam: the base.
        image: raw features, never those conditioned on memory, [B, C, h, w].
        mask_logits: float32 [B, 1, S, S].
        pointer: [B, C].
    """
    mask = mask_logits.sigmoid() * sam.sigmoid_scale_for_mem_enc + sam.sigmoid_bias_for_mem_enc
    written = sam.memory_encoder(image, mask, skip_mask_sigmoid=True)
    return Memory(written["vision_features"], written["vision_pos_enc"][0], pointer)


def _tokens(maps: Tensor) -> Tensor:
    """[B, C, h, w] to [h·w, B, C]."""
    return maps.flatten(2).permute(2, 0, 1)
