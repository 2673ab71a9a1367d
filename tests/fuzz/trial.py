"""One mutated file: read by a source, and the outcome judged."""

from __future__ import annotations

import re
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fuzz import pictures, raw, trees
from fuzz.oracles import Reading, differences
from fuzz.subjects import Subject
from sansa_lightning.data.sources.base import Source

Rng = np.random.Generator
Mutation = Callable[[bytes, Rng], bytes]

TEXT: tuple[Mutation, ...] = (*raw.BYTES, raw.other_encoding)
JSON: tuple[Mutation, ...] = (
    *(trees.json_with_one_change,) * 10,
    *(trees.json_nested_deeply, trees.json_with_one_key_twice, *TEXT),
)
PICKLE: tuple[Mutation, ...] = (*(trees.pickle_with_one_change,) * 10, raw.huge_memo, *raw.BYTES)
LISTS: tuple[Mutation, ...] = (*(raw.other_lines,) * 6, *TEXT)
PICTURE: tuple[Mutation, ...] = (
    *(pictures.flipped_pixels, pictures.flipped_pixels, pictures.other_size, pictures.other_mode),
    *(pictures.other_kind, pictures.bomb, *raw.BYTES),
)
KINDS: dict[str, tuple[tuple[Mutation, ...], Mutation]] = {
    ".json": (JSON, trees.same_json),
    ".pkl": (PICKLE, trees.same_pickle),
    ".txt": (LISTS, raw.same_lines),
    "picture": (PICTURE, pictures.same_picture),
}
"""Kind of file -> what may damage or change it, and what leaves its meaning as it was."""

NEUTRAL, PLACE = 0.1, 0.05
"""Shares of mutations that change nothing, and that put something else in the file's place."""

SECONDS, BYTES = 10.0, 2e9
"""What reading a mutated dataset may take, at the most: Pillow decodes pictures of up to 0.18e9 pixels."""


@dataclass(frozen=True)
class Verdict:
    """How a mutated file was taken.

    Attributes:
        outcome: "same" as before, "changed" as the oracle says, or "refused".
        trouble: what is wrong with that; None if nothing.
        what: the file and what was done to it.
        error: what the reader said.
    """

    outcome: str
    trouble: str | None
    what: str
    error: str = ""


class Trials:
    """Mutations of the files of one subject.

    Args:
        subject: which.
        folder: where its data are written.
        seed: of the mutations.
    """

    def __init__(self, subject: Subject, folder: Path, seed: int) -> None:
        self.subject = subject
        self.root = folder / subject.label
        subject.write(self.root)
        self.rng = np.random.default_rng([seed, *subject.label.encode()])
        self.before = read(subject.build(self.root))
        unlike = list(differences(self.before, subject.oracle(self.root)))
        assert not unlike, unlike
        assert self.before.pairs
        self.files = {
            kind: sorted(path for pattern in patterns for path in self.root.glob(pattern))
            for kind, patterns in (("annotations", subject.annotations), ("pictures", subject.pictures))
            if patterns
        }

    def __iter__(self) -> Iterator[Verdict]:
        """Without end."""
        while True:
            # Annotation files are few and hold more that can go wrong.
            kind = "annotations" if "annotations" in self.files and self.rng.random() < 0.7 else "pictures"
            path = self.files[kind][self.rng.integers(len(self.files[kind]))]
            mutations, same = KINDS["picture" if kind == "pictures" else path.suffix]
            if self.rng.random() < PLACE:
                place = PLACES[self.rng.integers(len(PLACES))]
                with place(path):
                    yield self._judge(path, f"{place.__name__} in place of {path}", neutral=False)
                continue
            neutral = bool(self.rng.random() < NEUTRAL)
            mutation = same if neutral else mutations[self.rng.integers(len(mutations))]
            good = path.read_bytes()
            try:
                path.write_bytes(mutation(good, self.rng))
                yield self._judge(path, f"{mutation.__name__} of {path}", neutral)
            finally:
                path.write_bytes(good)

    def _judge(self, path: Path, what: str, neutral: bool) -> Verdict:
        effort = Effort()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)  # pycocotools
                warnings.filterwarnings("ignore", module="PIL")  # of large pictures and odd remarks in them
                found = read(self.subject.build(self.root))
        except (ValueError, FileNotFoundError) as error:
            trouble = "a neutral change is refused" if neutral else self._of_message(str(error), path)
            return Verdict("refused", trouble or effort.trouble(), what, f"{type(error).__name__}: {error}")
        except Exception as error:
            return Verdict("refused", "another error", what, f"{type(error).__name__}: {error}")
        trouble = effort.trouble()
        unlike = list(differences(found, self.before))
        if found.names == self.before.names and not unlike:
            return Verdict("same", trouble, what)
        if neutral:
            return Verdict("changed", f"a neutral change reads as another: {unlike[:2]}", what)
        try:
            expected = self.subject.oracle(self.root)
        except Exception as error:
            return Verdict("changed", f"read, but the oracle cannot: {type(error).__name__}: {str(error)[:200]}", what)
        unlike = list(differences(found, expected))
        return Verdict("changed", f"not as the oracle reads: {unlike[:2]}" if unlike else trouble, what)

    def _of_message(self, message: str, path: Path) -> str | None:
        """What is wrong with how an error names the place: it must name the file, or one that the file speaks of."""
        if not message.isprintable() or len(message) > 600 + 3 * len(str(self.root)):
            return "not one line of moderate length"
        named = path.stem in message or re.search(re.escape(f"{self.root}/") + r"\S+\.\w+", message)
        return None if str(self.root) in message and named else "does not say where"


def read(source: Source) -> Reading:
    """All that a run would read of the val split, and the class list of train."""
    source.verify("val")
    source.classes("train")
    reading = Reading({class_id: source.class_name(class_id) for class_id in source.classes("val")})
    for class_id in reading.names:
        for key in source.images(class_id, "val"):
            reading.pairs[str(key), class_id] = source.load(key, class_id)
    return reading


class Effort:
    """Time of this process and its highest memory, from when it was made."""

    def __init__(self) -> None:
        self.seconds, self.memory = time.process_time(), _highest_memory()

    def trouble(self) -> str | None:
        """What is wrong with it, if anything."""
        seconds, memory = time.process_time() - self.seconds, _highest_memory() - self.memory
        if seconds > SECONDS or memory > BYTES:
            return f"took {seconds:.1f} s, and {memory / 1e9:.1f} GB more than before"
        return None


def _highest_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


@contextmanager
def nothing(path: Path) -> Iterator[None]:
    """The file is not there."""
    aside = path.with_name("aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


@contextmanager
def a_folder(path: Path) -> Iterator[None]:
    """A folder of the file's name."""
    with nothing(path):
        path.mkdir()
        try:
            yield
        finally:
            path.rmdir()


@contextmanager
def a_link_to_itself(path: Path) -> Iterator[None]:
    """A link that leads nowhere."""
    with nothing(path):
        path.symlink_to(path)
        try:
            yield
        finally:
            path.unlink()


PLACES = (nothing, a_folder, a_link_to_itself)
