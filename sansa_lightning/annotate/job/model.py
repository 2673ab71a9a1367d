"""The model of a job, and its memories."""

from __future__ import annotations

import hashlib
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sansa_lightning.annotate.given.references import References, each_class
from sansa_lightning.annotate.loading import adapter_file, load
from sansa_lightning.annotate.memories import Memories
from sansa_lightning.annotate.options import LARGE
from sansa_lightning.annotate.remembering import Fitted, fitted, remembered
from sansa_lightning.annotate.segmenter import Segmenter
from sansa_lightning.files.whole import sha256_of


@dataclass(frozen=True)
class Prepared:
    """All that is needed to begin.

    Attributes:
        segmenter: on its device, in its precision.
        memories: of the classes.
        references: a digest of them, by which a job is known.
        categories: ids of the classes, in the order of the memories.
    """

    segmenter: Segmenter
    memories: Memories
    references: str
    categories: dict[str, int]


def prepare(asked: Namespace, references: References | None) -> Prepared:
    """Load the model and remember the references.

    Args:
        asked: the options.
        references: None where ``asked.references`` is a file of memories.

    Raises:
        ValueError: something does not fit, or a reference is no picture.
        FileNotFoundError: a file is missing.
    """
    segmenter = _segmenter(asked)
    if references is None:
        memories = segmenter.load_memories(asked.references)
        categories = {name: number for number, name in enumerate(memories.names, 1)}
        return Prepared(segmenter, memories, sha256_of(asked.references)[:16], categories)
    model, digest = segmenter.model, hashlib.sha256()
    size = model.method.clip_size(model.base) if asked.size is None else asked.size

    def given() -> Iterator[tuple[str, Fitted]]:
        for name, pairs in each_class(references):
            frames, prompts = fitted(pairs, size, asked.exif)
            digest.update(repr((name, references.ids[name], frames.shape)).encode() + frames.numpy().tobytes())
            for prompt in prompts:
                parts = (prompt.dense, prompt.coords, prompt.labels)
                digest.update(b"".join(b"-" if part is None else part.numpy().tobytes() for part in parts))
            yield name, (frames, prompts)

    with torch.inference_mode():
        memories = remembered(model, given(), segmenter.maker)
    return Prepared(segmenter, memories, digest.hexdigest()[:16], dict(references.ids))


def _segmenter(asked: Namespace) -> Segmenter:
    device = asked.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    found = load(
        asked.base or own_base(asked.adapter),
        asked.weights,
        asked.adapter,
        asked.kshot_memory,
        encode_chunk=asked.encode_chunk,
        targets_per_step=asked.targets_per_step,
        device=device,
        object_scores=asked.object_scores,
        pairs_per_step=asked.pairs_per_step,
    )
    return {"fp32": found.float, "bf16": found.bfloat16, "fp16": found.half}[asked.precision]()


def own_base(adapter: Path | None) -> str:
    """The base that an adapter names, SAM 2's largest if it names none, as those of the papers' authors.

    Args:
        adapter: see ``loading.load``.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it cannot be read.
    """
    if adapter is None:
        return LARGE
    from sansa_lightning.checkpoints.header import HEADER
    from sansa_lightning.checkpoints.portable import adapter_content

    header: Any = adapter_content(adapter_file(adapter)).get(HEADER)
    try:
        return str(header["base"]["name"]) if header else LARGE
    except (KeyError, TypeError):
        return LARGE  # reading the adapter says what is wrong with it
