"""From references of several classes, as a caller gives them, to memories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sansa_lightning.annotate.inputs import check_marks, fit_prompt, prompted, several_references
from sansa_lightning.annotate.memories import Memories
from sansa_lightning.annotate.names import check_class_name
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.files.messages import brief
from sansa_lightning.images.orientation import Exif
from sansa_lightning.images.pictures import to_frame

if TYPE_CHECKING:
    from sansa_lightning.model import FewShotModel

Fitted = tuple[Tensor, list[Prompt]]
"""References as a clip has them: frames, uint8 [K, 3, S, S], and K prompts in their pixels."""


def named_references(references: Any) -> dict[str, list[Any]]:
    """Pairs of picture and prompt by the name of their class, at least one of each.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(references, Mapping) or not references:
        got = "an empty one" if isinstance(references, Mapping) else f"a {type(references).__name__}"
        msg = f"remember: expected a dict of references by the name of their class, but got {got}"
        raise ValueError(msg)
    found = {}
    for name, pairs in references.items():
        check_class_name(name, "remember")
        found[name] = several_references(pairs)
        if not found[name]:
            msg = f"remember: expected at least one reference for each class, but {brief(name)} has none"
            raise ValueError(msg)
    return found


def fitted(pairs: Sequence[Any], size: int, exif: Exif) -> Fitted:
    """The references of one class at the size of a clip.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: one is no pair of a picture and a prompt that fits it.
    """
    read = [prompted(pair, number, exif) for number, pair in enumerate(pairs)]
    prompts = []
    for number, (pair, (picture, prompt)) in enumerate(zip(pairs, read, strict=True)):
        where = str(pair[0]) if isinstance(pair[0], str | Path) else f"reference {number}"
        check_marks(prompt, picture, where)
        prompts.append(fit_prompt(prompt, picture, size, where))
    return torch.stack([to_frame(picture, size) for picture, _ in read]), prompts


def remembered(model: FewShotModel, references: Iterable[tuple[str, Fitted]], made_by: Mapping[str, Any]) -> Memories:
    """Read the references of one class after the other.

    Args:
        model: remembers them, on its device.
        references: name and references of each class.
        made_by: see ``memories.maker``.
    """
    names, kept, frames, masks = [], [], [], []
    for name, (images, prompts) in references:
        own = [prompt.to(model.device) for prompt in prompts]
        looked = model.method.look_at(model.base, images.to(model.device))
        (memory,) = model.method.write(model.base, looked, torch.arange(len(images), device=model.device)[None], [own])
        dense = own[0].dense
        if dense is None:  # points and boxes: the mask that the model itself makes of them
            dense = model.method.answer(model.base, looked, [memory], [(0, 0)]).logits[0] > 0
        names.append(name)
        kept.append(model.method.pack(memory))
        frames.append(images[0].to(model.device))
        masks.append(dense.bool())
    return Memories(tuple(names), tuple(kept), torch.stack(frames), torch.stack(masks), made_by)
