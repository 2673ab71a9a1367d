"""What each part of a target attends to in its reference: memory attention's weights as heat maps."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from PIL import Image
from torch import Tensor

from sansa_lightning.analysis.contract import Analysis, Findings
from sansa_lightning.analysis.examples import on_object, shares
from sansa_lightning.analysis.sides import sides
from sansa_lightning.analysis.streaming import rules_of
from sansa_lightning.clips.clip import Clip
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.figures.overlays import REFERENCE_COLOUR, outlined, pixels
from sansa_lightning.figures.sheets import Panel, sheet, with_heat, with_parts
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.checks import check_whole
from sansa_lightning.trackers.base import AttentionBias, Features, MemoryTokens, Tracker


class Attention(NamedTuple):
    """Where a target looks.

    Attributes:
        weights: of the reference's cells for each cell of the target, float32 [h, w, h, w], the mean over layers and
            heads.
        pointers: weight of the object pointers, float32 [h, w]; both together are 1 for each cell of the target.
    """

    weights: Tensor
    pointers: Tensor


@dataclass(frozen=True)
class Matching(Analysis):
    """Where does the target look for its mask?

    Attributes:
        episode: its number in the test list, from 0.
        parts: of the target's object, each with a heat map.
        episodes: of the test list for the numbers.
    """

    question: ClassVar[str] = "What does each part of a target attend to in its reference?"
    episode: int = 0
    parts: int = 4
    episodes: int = 40

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: one is too small.
        """
        check_whole(self.episode, "analysis.episode", least=0)
        check_whole(self.parts, "analysis.parts", what="part")
        check_whole(self.episodes, "analysis.episodes", what="episode")

    def run(self, model: FewShotModel, data: EpisodeDataModule) -> Findings:
        """See :meth:`Analysis.run`.

        Raises:
            ValueError: the method does not propagate, there is no such episode, or it has more than one reference.
        """
        rules_of(model)
        clips, both = data.clips("test"), sides(model)
        if self.episode >= len(clips) or data.shots != 1:
            got = f"episode {self.episode} of {len(clips)} and data.shots {data.shots}"
            msg = f"matching: expected an episode of the test list, with one reference, but got {got}"
            raise ValueError(msg)
        numbers: dict[str, Any] = {"episode": self.episode}
        for side, context in both.items():
            every = [
                on_objects(attention(model, clips[n], context), clips[n]) for n in range(min(self.episodes, len(clips)))
            ]
            numbers[side] = {name: sum(one[name] for one in every) / len(every) for name in every[0]}
        clip = clips[self.episode]
        looks = {side: attention(model, clip, context) for side, context in both.items()}
        return Findings(numbers, {"attention": _sheet(clip, looks, self.parts)})


class Heard:
    """A tracker whose memory attention tells its weights; everything else is the tracker's own.

    Args:
        tracker: the tracker.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.layers: list[Tensor] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tracker, name)

    def attend(self, features: Features, tokens: MemoryTokens, bias: AttentionBias | None = None) -> Features:
        """The tracker's own, with weights kept in ``layers``, float32 [B, h·w, L], one for each cross-attention."""

        def hear(query: Tensor, key: Tensor) -> Tensor:
            scores = query @ key.mT / query.shape[-1] ** 0.5
            added = scores.new_zeros(1) if bias is None else bias(query, key)
            self.layers.append((scores + added).softmax(-1).float().mean(1).cpu())
            return added

        return self.tracker.attend(features, tokens, hear)


@torch.no_grad()
def attention(model: FewShotModel, clip: Clip, context: AbstractContextManager[None]) -> Attention:
    """Where the target of a clip of one reference looks.

    Args:
        model: of a method that propagates.
        clip: one reference and one target.
        context: in which the model is to run.
    """
    heard: Any = Heard(model.base)
    with context:
        images = clip.images[None].to(model.device)
        rules_of(model)(heard, images, [[prompt.to(model.device) for prompt in clip.prompts]], propagate_targets=False)
    weights = torch.stack(heard.layers).mean(0)[0]
    side = round(len(weights) ** 0.5)
    cells = weights[:, : len(weights)].reshape(side, side, side, side)
    return Attention(cells, weights[:, len(weights) :].sum(1).reshape(side, side))


def on_objects(found: Attention, clip: Clip) -> dict[str, float]:
    """Shares of the attention that go to the reference's object, in [0, 1].

    Args:
        found: the attention.
        clip: of the same episode.

    Returns:
        ``object``: of the cells of the target's object; ``rest``: of its other cells; ``pointers``: of the object's
        cells to the pointers; ``even``: what evenly spread attention would give.
    """
    side = found.weights.shape[0]
    reference = shares(clip.masks[0] == 1, (side, side))
    target = shares(clip.masks[-1] == 1, (side, side))
    given = (found.weights * reference).sum((2, 3))
    object_, rest = ((given * part).sum() / part.sum().clamp(min=1e-6) for part in (target, 1 - target))
    pointers = (found.pointers * target).sum() / target.sum().clamp(min=1e-6)
    values = {"object": object_, "rest": rest, "pointers": pointers, "even": reference.mean()}
    return {name: float(value) for name, value in values.items()}


def pieces(inside: Tensor, parts: int) -> Tensor:
    """An area cut into pieces of neighbouring cells, int64 [h, w], -1 outside; fewer pieces if it is small.

    Args:
        inside: bool [h, w], at least one cell.
        parts: number of pieces.
    """
    from sklearn.cluster import KMeans

    places = inside.nonzero().double().numpy()
    found = torch.full(inside.shape, -1, dtype=torch.int64)
    fitted = KMeans(min(parts, len(places)), n_init=4, random_state=0).fit(places)
    found[inside] = torch.from_numpy(fitted.labels_).long()
    return found


def _sheet(clip: Clip, looks: Mapping[str, Attention], parts: int) -> Image.Image:
    """A row for each piece of the target's object: the piece, the reference, and each side's heat map on it."""
    side = next(iter(looks.values())).weights.shape[0]
    cut = pieces(on_object(clip.masks[-1] == 1, (side, side)), parts)
    reference = outlined(pixels(clip.images[0]), clip.masks[0] == 1, REFERENCE_COLOUR)
    rows: list[list[Panel]] = []
    for number in range(int(cut.max()) + 1):
        piece = cut == number
        heats = {name: look.weights[piece].mean(0) for name, look in looks.items()}
        highest = max(float(heat.max()) for heat in heats.values())
        part = with_parts(clip.images[-1], torch.where(piece, number, -1))
        row = [("target: the part", part), ("reference", reference)]
        rows.append(row + [(name, with_heat(clip.images[0], heat, highest)) for name, heat in heats.items()])
    return sheet(rows)
