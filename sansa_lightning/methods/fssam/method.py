"""FSSAM: references, and a pseudo memory of the target itself (Xu et al., ICML 2025; docs/fssam.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Literal, NamedTuple, Self, get_args

import torch
from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.encoders.base import Encoder
from sansa_lightning.encoders.dinov2 import DinoV2
from sansa_lightning.files.messages import brief
from sansa_lightning.methods.base import Answers, Masks, Method, Pairs
from sansa_lightning.methods.fssam.calibration import KShot, Layout
from sansa_lightning.methods.fssam.maps import resized
from sansa_lightning.methods.fssam.memory import (
    References,
    calibration,
    read_tokens,
    reference_masks,
    remember,
    write,
)
from sansa_lightning.methods.fssam.priors import Priors, prototypes, pseudo_prompts
from sansa_lightning.methods.fssam.refinement import Refined, Version, agreement, refine
from sansa_lightning.methods.fssam.training import IDLE, KEPT, encoder_trains, idle, with_idle
from sansa_lightning.methods.prompting import BEST, by_kind
from sansa_lightning.methods.propagation import check_clips
from sansa_lightning.strategies.parts import PromptKinds
from sansa_lightning.strategies.settings import class_and_settings, from_class_and_settings
from sansa_lightning.strategies.training_prompts import prompt_kinds
from sansa_lightning.trackers.base import NO_PROMPT, Decoded, Features, Memory, Tracker

Trained = Literal["released", "used"]
"""Which tensors of the fine-tuned parts train; see :meth:`Fssam.unused`."""


class LookedAt(NamedTuple):
    """Pictures that tracker and encoder have looked at.

    Attributes:
        features: of the tracker.
        seen: features of the encoder, [F, C, h, w].
        size: (H, W) of each picture.
    """

    features: Features
    seen: Tensor
    size: tuple[int, int]


class Fssam(Method):
    """Each target reads its references' memories and a pseudo memory of itself, refined and calibrated.

    Targets are segmented one by one, in training as in evaluation: no prediction becomes memory. With a base that is
    built with object scores, pointers are gated by them as in the release; nano has none.

    Args:
        encoder: frozen; its features make the target's pseudo prompts; DINOv2 ViT-B/14 if None.
        rounds: of refinement; 0 leaves the pseudo memory as it is written.
        version: of refinement, "v1" or "v2"; see ``refinement.Version``.
        factor: of calibration, at least 0; 0 is plain attention.
        kshot: how several references are read; see ``calibration.KShot``.
        trained: "released" or "used"; see :meth:`unused`.
        encode_chunk: number of frames that the image encoder takes at a time; the whole batch if None.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        encoder: Encoder | None = None,
        rounds: int = 3,
        version: Version = "v1",
        factor: float = 10.0,
        kshot: KShot = "averaged",
        trained: Trained = "released",
        encode_chunk: int | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        for argument, value, kind in (
            ("version", version, Version),
            ("kshot", kshot, KShot),
            ("trained", trained, Trained),
        ):
            if value not in get_args(kind):
                msg = f"{name}.{argument}: expected one of {', '.join(get_args(kind))}, but got {brief(value)}"
                raise ValueError(msg)
        if rounds < 0:
            msg = f"{name}.rounds: expected at least 0, but got {rounds}"
            raise ValueError(msg)
        if not 0 <= factor < float("inf"):
            msg = f"{name}.factor: expected a finite number of at least 0, but got {factor}"
            raise ValueError(msg)
        if encode_chunk is not None and encode_chunk < 1:
            msg = f"{name}.encode_chunk: expected at least 1 frame, or null for all, but got {encode_chunk}"
            raise ValueError(msg)
        self.encoder = encoder or self.own_encoder()
        self.rounds = rounds
        self.version: Version = version
        self.factor = factor
        self.kshot: KShot = kshot
        self.trained: Trained = trained
        self.encode_chunk = encode_chunk

    @staticmethod
    def own_encoder() -> Encoder:
        """The encoder of the paper."""
        return DinoV2()

    def attach(self, tracker: Tracker) -> None:
        """Freeze everything, and get the encoder ready; nothing of this method itself trains."""
        super().attach(tracker)
        self.encoder.attach(tracker)

    def unused(self, prompts: PromptKinds | None) -> str:
        """A pattern of the names of parameters that stay frozen; see :meth:`Method.unused`.

        With "released" it leaves those in training that the released code hands to its optimiser although they never
        get a gradient, 289,125 of 11,522,021 on SAM 2.0 (docs/fssam.md 7). Without weight decay they stay as they are,
        and with several processes they get a gradient of zeros, for which these would wait. With "used" they are
        frozen, together with the MLP of the decoder's single-mask token, whose gradient is always zero.
        """
        return KEPT if self.trained == "released" else f"{KEPT}|{IDLE}"

    def check(self, stage: str, data: Any) -> None:
        """Refuse references without a mask."""
        for name in ("prompt", *(["train_prompt"] if stage == "fit" else [])):
            if hasattr(data, name) and prompt_kinds(getattr(data, name)) != {"mask"}:
                own = type(self).__name__
                msg = f"data.{name}: expected MaskPrompt for the method {own}, which makes prototypes from masks"
                raise ValueError(f"{msg}, but got {type(getattr(data, name)).__name__}")

    def forward(self, tracker: Tracker, batch: ClipBatch, propagate_targets: bool) -> Masks:
        """See :meth:`Method.forward`; ``propagate_targets`` makes no difference."""
        shots = check_clips(batch.images, batch.prompts)
        clips, frames, _, height, width = batch.images.shape
        features, seen = self._encode(tracker, batch.images.flatten(0, 1))
        grid = torch.arange(clips * frames, device=batch.images.device).reshape(clips, frames)
        prompts = [prompt for clip in batch.prompts for prompt in clip]
        answers, references = self.read_references(tracker, features, seen, grid[:, :shots], prompts)
        targets = grid[:, shots:]
        low = self._decode(tracker, features, seen, targets, references).mask[:, 0].unflatten(0, targets.shape)
        if self.training:
            low = with_idle(low, idle(tracker))
        return Masks.of(torch.cat([answers, low], dim=1), (height, width))

    def look_at(self, tracker: Tracker, images: Tensor) -> LookedAt:
        """See :meth:`Method.look_at`."""
        return LookedAt(*self._encode(tracker, images), (images.shape[-2], images.shape[-1]))

    def write(
        self, tracker: Tracker, looked: LookedAt, frames: Tensor, prompts: Sequence[Sequence[Prompt]]
    ) -> list[References]:
        """See :meth:`Method.write`."""
        flat = [prompt for own in prompts for prompt in own]
        return self.read_references(tracker, looked.features, looked.seen, frames, flat)[1].alone()

    def answer(self, tracker: Tracker, looked: LookedAt, memories: Sequence[References], pairs: Pairs) -> Answers:
        """See :meth:`Method.answer`; classes with equally many references share calls of memory and decoder."""
        targets = torch.tensor([target for _, target in pairs], device=looked.seen.device)

        def decode(part: Features, places: list[int]) -> Decoded:
            together = References.stacked([memories[pairs[place][0]] for place in places])
            given = self.priors(tracker, looked.seen[targets[places]], together)
            return self.segment_targets(tracker, part, given, together)

        shots = [memories[memory].shots for memory, _ in pairs]
        found = by_kind(looked.features.select(targets), shots, decode)
        return Answers(Masks.of(found.mask, looked.size).logits[:, 0].float(), found.iou.float())

    def pack(self, memory: References) -> dict[str, Tensor]:
        """See :meth:`Method.pack`."""
        return memory.pack()

    def unpack(self, tensors: Mapping[str, Tensor]) -> References:
        """See :meth:`Method.unpack`."""
        return References.unpack(tensors)

    def read_references(
        self, tracker: Tracker, features: Features, seen: Tensor, grid: Tensor, prompts: Sequence[Prompt]
    ) -> tuple[Tensor, References]:
        """Read all references of all clips at once.

        Args:
            tracker: the base.
            features: of all frames.
            seen: features of the encoder, of all frames, [F, C, h, w].
            grid: int64 [B, K], indices of the frames that are references.
            prompts: B·K prompts, clip by clip.

        Returns:
            The decoder's answers to the masks, float32 [B, K, 4h, 4w], and what is kept.
        """
        chosen, shape = grid.flatten(), tuple(grid.shape)
        masks = reference_masks(tracker, prompts).to(seen.device)
        written = write(tracker, features.select(chosen), masks)
        memory = [tensor.unflatten(0, shape) for tensor in written.memory]
        by_clip = masks[:, 0].unflatten(0, shape)
        looks = prototypes(seen[chosen].unflatten(0, shape), by_clip)
        references = References(memory[0], memory[1][:, 0], memory[2], by_clip, looks)
        return written.answer[:, 0].unflatten(0, shape), references

    def priors(self, tracker: Tracker, seen: Tensor, references: References) -> Priors:
        """The pseudo prompts of G targets from their features [G, C, h, w] and the references of each."""
        return pseudo_prompts(seen, references.seen, tracker.image_size)

    def pseudo_memory(self, tracker: Tracker, features: Features, given: Priors, references: References) -> Memory:
        """The refined memory of targets that their priors stand for, with the pointer of the discriminative prior.

        Args:
            tracker: the base.
            features: of G targets.
            given: their priors.
            references: of each target.
        """
        rough = write(tracker, features, given.discriminative).memory
        full = remember(tracker, features, given.foreground, rough.pointer)
        size = (rough.features.shape[-2], rough.features.shape[-1])
        foreground, discriminative = (resized(prior, size) for prior in given)
        agreed = agreement(references.features, resized(references.masks, size), full.features)
        refined = refine(
            agreed,
            Refined(full.features, foreground),
            Refined(rough.features, discriminative),
            self.rounds,
            self.version,
        )
        return rough._replace(features=refined.memory.to(rough.features.dtype))

    def segment_targets(self, tracker: Tracker, features: Features, given: Priors, references: References) -> Decoded:
        """Masks of G targets; arguments as for :meth:`pseudo_memory`."""
        pseudo = self.pseudo_memory(tracker, features, given, references)
        layout = Layout.of(self.kshot, references.shots)
        tokens = read_tokens(tracker, references, pseudo, layout)
        conditioned = tracker.attend(features, tokens, calibration(references, layout, self.factor))
        return tracker.decode(conditioned, NO_PROMPT, BEST)

    def _decode(
        self, tracker: Tracker, features: Features, seen: Tensor, grid: Tensor, references: References
    ) -> Decoded:
        """Masks of the targets of each clip, whose frames are a row of the grid, int64 [B, N]."""
        chosen, each = grid.flatten(), references.repeat(grid.shape[1])
        given = self.priors(tracker, seen[chosen], each)
        return self.segment_targets(tracker, features.select(chosen), given, each)

    def _encode(self, tracker: Tracker, images: Tensor) -> tuple[Features, Tensor]:
        """Features of frames, of the tracker and of the encoder; without a graph where the image encoder is frozen.

        Otherwise the projections of fine maps, which belong to the decoder, would train as they do not in the release.
        """
        with nullcontext() if encoder_trains(tracker) else torch.no_grad():
            features = tracker.encode(images, self.encode_chunk)
        return features, self.encoder(tracker, images)

    def settings(self) -> dict[str, Any]:
        """See :meth:`Method.settings`; the encoder by class and settings."""
        return {**super().settings(), "encoder": class_and_settings(self.encoder)}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """See :meth:`Method.from_settings`."""
        import sansa_lightning.encoders.all  # noqa: F401  makes the project's own ones known

        return cls(**{**settings, "encoder": from_class_and_settings(Encoder, settings["encoder"])})
