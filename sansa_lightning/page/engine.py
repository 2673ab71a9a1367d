"""The model behind the page: each picture is encoded once, each class is remembered once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from PIL import Image
from torch import Tensor

from sansa_lightning.annotate.application import Answered, Application
from sansa_lightning.annotate.memories import Memories, moved
from sansa_lightning.annotate.segmenter import Segmenter
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.images.pictures import to_frame
from sansa_lightning.methods.base import Answers, Looked, Masks
from sansa_lightning.methods.prompting import decode_corrections
from sansa_lightning.methods.sansa import LookedAt, Propagating
from sansa_lightning.page.marks import Marks
from sansa_lightning.trackers.base import Features

KEPT_PICTURES, KEPT_CLASSES = 64, 32
"""The most that is kept of either; features of a picture take 6 MB with SAM 2's largest base at 640 pixels."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class View:
    """A picture, read when it is needed.

    Attributes:
        key: no other picture has it.
        size: (H, W).
        load: reads it, RGB.
    """

    key: str
    size: tuple[int, int]
    load: Callable[[], Image.Image]


Reference = tuple[View, Marks]


@dataclass(frozen=True)
class _Seen:
    frame: Tensor
    looked: Looked


@dataclass(frozen=True)
class _Class:
    kept: dict[str, Tensor]
    frame: Tensor
    mask: Tensor


class Engine:
    """Answers marks, references and corrections; calls from several threads wait for each other.

    Args:
        segmenter: as ``sansa_lightning.load`` gives it.
        presence: whether masks are also scored by looking back at the references.
    """

    def __init__(self, segmenter: Segmenter, presence: bool = False) -> None:
        self.segmenter, self.model, self.presence = segmenter, segmenter.model, presence
        self.size = self.model.method.clip_size(self.model.base)
        self.lock = threading.RLock()
        self._pictures: OrderedDict[Hashable, _Seen] = OrderedDict()
        self._classes: OrderedDict[Hashable, _Class] = OrderedDict()

    @torch.inference_mode()
    def shown(self, view: View, marks: Marks) -> Tensor:
        """Logits of the mask that marks give in their own picture, float32 [S, S].

        Raises:
            ValueError: the marks do not say where the object is.
        """
        with self.lock:
            return self._shown(self._see(view), marks.prompt(view.size, self.size))

    @torch.inference_mode()
    def remember(self, references: Mapping[str, Sequence[Reference]]) -> Application:
        """The references of some classes, ready to be applied.

        Raises:
            ValueError: marks do not say where the object is.
        """
        with self.lock:
            own = [self._class(given) for given in references.values()]
            frames, masks = torch.stack([each.frame for each in own]), torch.stack([each.mask for each in own])
            kept = tuple(each.kept for each in own)
            memories = Memories(tuple(references), kept, frames, masks, self.segmenter.maker)
            return Application(self.model, memories, self.segmenter.pairs_per_step, self.presence)

    @torch.inference_mode()
    def find(self, apply: Application, view: View) -> Answered:
        """The answers of all M classes for one picture, each [M, ...]."""
        with self.lock:
            return apply.step(self._see(view).looked, [(number, 0) for number in range(len(apply.memories.names))])

    @torch.inference_mode()
    def correct(self, apply: Application, number: int, view: View, clicks: Marks) -> Answered:
        """The answer of one class after clicks on a target, as SAM 2 corrects a tracked frame, each [1, ...].

        The decoder gets the features conditioned on memory, the clicks up to each one, and its last answer. The same
        clicks give the same mask, however often it is asked for.

        Args:
            apply: the memories.
            number: of the class.
            view: the target.
            clicks: at least one.

        Raises:
            ValueError: the method has no decoder that takes clicks.
        """
        method, base = self.check_clicks(), self.model.base
        with self.lock:
            looked: LookedAt = self._see(view).looked
            dtype = looked.features.image.dtype
            bank = method.unpack(moved(apply.memories.kept[number], self.model.device, dtype))
            features = bank.condition(base, looked.features, bank.shots + 1)
            scale = torch.tensor([self.size / view.size[1], self.size / view.size[0]])
            coords = (torch.tensor([click[:2] for click in clicks.clicks]) * scale).to(self.model.device)[None]
            labels = torch.tensor([[click[2] for click in clicks.clicks]], dtype=torch.int32, device=coords.device)
            answer = method.rules.decode_targets(base, features)
            for end in range(1, len(clicks.clicks) + 1):
                given = coords[:, :end], labels[:, :end]
                answer = decode_corrections(base, features, *given, answer.mask, looked.size)
            logits = Masks.of(answer.mask, looked.size).logits[:, 0].float()
            found = Answers(logits, answer.iou.float())
            back = apply.look_back(looked, [(number, 0)], found) if self.presence else None
            return Answered(found.logits, found.iou, back)

    def check_clicks(self) -> Propagating:
        """The method, if clicks can correct its targets.

        Raises:
            ValueError: it has no decoder that takes clicks.
        """
        method = self.model.method
        if not isinstance(method, Propagating):
            msg = f"clicks: expected a method that takes them, but {type(method).__name__} does not; draw the mask"
            raise ValueError(msg)
        return method

    def _see(self, view: View) -> _Seen:
        def see() -> _Seen:
            frame = to_frame(view.load(), self.size)
            return _Seen(frame, self.model.method.look_at(self.model.base, frame[None].to(self.model.device)))

        return _recent(self._pictures, view.key, see, KEPT_PICTURES)

    def _class(self, references: Sequence[Reference]) -> _Class:
        def read() -> _Class:
            seen = [self._see(view) for view, _ in references]
            prompts = [marks.prompt(view.size, self.size).to(self.model.device) for view, marks in references]
            looked = self._together(seen)
            frames = torch.arange(len(seen), device=self.model.device)[None]
            (memory,) = self.model.method.write(self.model.base, looked, frames, [prompts])
            mask = prompts[0].dense
            if mask is None:  # as Segmenter.remember has it, so that presence is the same
                mask = self.model.method.answer(self.model.base, looked, [memory], [(0, 0)]).logits[0] > 0
            return _Class(self.model.method.pack(memory), seen[0].frame.to(self.model.device), mask.bool())

        key = tuple((view.key, marks) for view, marks in references)
        return _recent(self._classes, key, read, KEPT_CLASSES)

    def _shown(self, seen: _Seen, prompt: Prompt) -> Tensor:
        """Logits of a prompt's own mask: given, of the decoder, or of a memory that is read in the same picture."""
        method, base, own = self.model.method, self.model.base, prompt.to(self.model.device)
        if own.dense is not None:
            return (own.dense - 0.5).float()
        if isinstance(method, Propagating):
            low, _ = method.rules.write_references(base, seen.looked.features, [own], seen.looked.size)
            return Masks.of(low, seen.looked.size).logits[0, 0].float()
        place = torch.zeros(1, 1, dtype=torch.int64, device=self.model.device)
        memories = method.write(base, seen.looked, place, [[own]])
        return method.answer(base, seen.looked, memories, [(0, 0)]).logits[0]

    def _together(self, seen: Sequence[_Seen]) -> Looked:
        """What the method has seen of several pictures, as if it had looked at them at once."""
        looked: list[Any] = [each.looked for each in seen]
        if len(looked) == 1:
            return looked[0]
        if all(isinstance(each, Tensor) for each in looked):
            return torch.cat(looked)
        if all(isinstance(each, LookedAt) for each in looked):
            features = [each.features for each in looked]
            fine = tuple(torch.cat(level) for level in zip(*(each.fine for each in features), strict=True))
            image = torch.cat([each.image for each in features])
            return LookedAt(Features(image, fine, features[0].position), looked[0].size)
        frames = torch.stack([each.frame for each in seen])  # of a type of the method's own: look again
        return self.model.method.look_at(self.model.base, frames.to(self.model.device))


def _recent(kept: OrderedDict[Hashable, Value], key: Hashable, make: Callable[[], Value], most: int) -> Value:
    """What is kept under a key, made if it is not there; the one that was not asked for longest is forgotten."""
    if key not in kept:
        kept[key] = make()
        while len(kept) > most:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]
