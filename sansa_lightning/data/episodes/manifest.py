"""Episode lists as files, one line of JSON per episode, so that two methods or machines score the same episodes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from sansa_lightning.clips.episode import Episode, ImageKey
from sansa_lightning.data.episodes.samplers import Episodes
from sansa_lightning.data.formats.text_lists import read_lines
from sansa_lightning.data.protocols.base import Pool
from sansa_lightning.data.sources.abilities import OrdersImages
from sansa_lightning.files.messages import brief
from sansa_lightning.files.whole import write_text


class ManifestEpisodes(Episodes):
    """The episodes of a manifest, in the order of its lines.

    Args:
        path: file written by :func:`write_manifest`, or by hand in the same form.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is empty, a line is not an episode, or lines differ in their number of references or targets.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        lines = read_lines(self.path, "a manifest of episodes")
        self.episodes = tuple(self._parse(line, number) for number, line in enumerate(lines, 1))
        if not self.episodes:
            msg = f"manifest {self.path}: expected one episode per line, but the file is empty"
            raise ValueError(msg)
        for number, episode in enumerate(self.episodes, 1):
            found, first = _counts(episode), _counts(self.episodes[0])
            if found != first:
                msg = self._at(number, f"expected {first} references and targets as in line 1, but got {found}")
                raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.episodes)

    def __getitem__(self, index: int) -> Episode:
        return self.episodes[index]

    def check(self, pools: Sequence[Pool]) -> None:
        """Check that each episode could have been drawn from ``pools``.

        A target may also be an image of the pool that shows the class without being listed for it, as when it has too
        few pixels for the list (``FsSam2ListEpisodes``).

        Raises:
            ValueError: unknown source, a class that no pool of the source has, an image that does not show the class
                in the pool's split, or an image that is both reference and target; names the line and the key.
        """
        images: dict[tuple[str, int], set[str | int]] = {}
        for pool in pools:
            for class_id in pool.classes:
                images.setdefault((pool.source.name, class_id), set()).update(pool.source.images(class_id, pool.split))
        sources = sorted({source for source, _ in images})
        for number, episode in enumerate(self.episodes, 1):
            trouble = _trouble(episode, images, sources, pools)
            if trouble:
                raise ValueError(self._at(number, trouble))

    def _parse(self, line: str, number: int) -> Episode:
        try:
            return Episode.from_json(line)
        except ValueError as error:
            raise ValueError(self._at(number, str(error))) from error

    def _at(self, number: int, trouble: str) -> str:
        return f"manifest {self.path}, line {number}: {trouble}"


def write_manifest(episodes: Iterable[Episode], path: Path) -> None:
    """Write one line of JSON per episode; the file is written whole or not at all."""
    write_text(path, _text(episodes))


def manifest_hash(episodes: Iterable[Episode]) -> str:
    """SHA-256, hexadecimal, of the file that :func:`write_manifest` would write."""
    return hashlib.sha256(_text(episodes).encode()).hexdigest()


def _text(episodes: Iterable[Episode]) -> str:
    return "".join(f"{episode.to_json()}\n" for episode in episodes)


def _counts(episode: Episode) -> tuple[int, int]:
    return len(episode.references), len(episode.targets)


def _trouble(
    episode: Episode, images: dict[tuple[str, int], set[str | int]], sources: list[str], pools: Sequence[Pool]
) -> str | None:
    """The fault of an episode, or None."""
    if episode.source not in sources:
        return f"unknown source {brief(episode.source)}; expected one of {sources}"
    known = images.get((episode.source, episode.class_id))
    if known is None:
        ids = sorted(class_id for source, class_id in images if source == episode.source)
        return f"class {episode.class_id} is not among the {len(ids)} test classes; expected one of {ids}"
    for place, key in enumerate(episode.references + episode.targets):
        target = place >= len(episode.references)
        if key not in known and not (target and _shows_too_little(episode, key, pools)):
            return f"image {brief(key)} is not among the {len(known)} test images of class {episode.class_id}"
    both = set(episode.references) & set(episode.targets)
    if both:
        return f"image {brief(min(both, key=str))} is both reference and target"
    return None


def _shows_too_little(episode: Episode, key: ImageKey, pools: Sequence[Pool]) -> bool:
    """Whether an image is in its pool's list of images and shows the class, though the class's own list lacks it."""
    return any(
        pool.source.name == episode.source
        and isinstance(pool.source, OrdersImages)
        and key in pool.source.image_list(pool.classes, pool.split)
        and pool.source.shows(key, episode.class_id)
        for pool in pools
    )
