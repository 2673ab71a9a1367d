"""Semantic negatives with training: a token for the decoder from each negative object's average feature (Table 11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.negatives import Negative
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.base import Masks
from sansa_lightning.methods.memory import KShotMemory
from sansa_lightning.methods.negative_references import check_choice, negatives_of
from sansa_lightning.methods.prompting import References, answer_points, by_kind, given_masks, in_groups
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.methods.prototype import masked_average
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.strategies.checks import check_positive, check_whole
from sansa_lightning.trackers.base import Decoded, DecoderPrompt, Features, Tracker


@dataclass(frozen=True)
class TokenPropagation(Propagation):
    """Propagation in which the decoder reads tokens of each clip when it segments the clip's targets.

    Attributes:
        tokens: of B clips, [B, P, C], see :class:`DecoderPrompt`.
        counts: how many of the P tokens, the first ones, each of the B clips has. Clips with equally many share a
            decoder call: a further token that says nothing would still take part in the decoder's attention.
    """

    tokens: Tensor | None = None
    counts: tuple[int, ...] = ()

    def decode_targets(self, tracker: Tracker, conditioned: Features) -> Decoded:
        """See :meth:`Propagation.decode_targets`; clip by clip, equally many targets of each."""
        each = len(conditioned.image) // len(self.counts)

        def answer(part: Features, frames: list[int]) -> Decoded:
            assert self.tokens is not None  # noqa: S101  there are counts
            clips = torch.tensor(frames, device=self.tokens.device) // each
            tokens = self.tokens[clips, : self.counts[frames[0] // each]]
            return tracker.decode(part, DecoderPrompt(tokens=tokens), self.decode)

        return by_kind(conditioned, [count for count in self.counts for _ in range(each)], answer)


class NegativeTokens(Sansa):
    """SANSA whose decoder also reads a token for each negative reference when it segments a target.

    The paper says that the average feature of the negative object goes through a small MLP and becomes a token; the
    rest is chosen here (docs/negatives.md). The feature is the tracker's own map for memory and decoder, stride 16 in
    SAM 2, with the strategy, averaged over the object. The MLP has two layers with a GELU between them. Its result,
    scaled, is added to what SAM 2 reads where there is no point, and stands in the place of a point. The last layer
    begins with zeros, so that with one negative or none an untrained token leaves SANSA's masks as they are, bit by
    bit; each further one adds another "no point" to the decoder's attention. A negative without a pixel says nothing.

    The MLP trains together with the strategy; with ``Frozen`` it trains alone, on the bare base. Training clips have
    negatives, too (``data.train_negatives``). From Python, where a model gets references and targets alone, targets
    are segmented as if they had no negatives.

    Args:
        kshot_memory: see :class:`Sansa`.
        mask_threshold: see :class:`Sansa`; for the masks of negative references, too.
        encode_chunk: see :class:`Sansa`.
        hidden: width of the MLP between its layers, at least 1.
        scale: of the MLP's result, above 0. At the learning rates of adapters a token otherwise grows many times longer
            than SAM 2's own embeddings (docs/negatives.md).
    """

    look: nn.Sequential

    def __init__(
        self,
        kshot_memory: KShotMemory = "released",
        mask_threshold: float = 0.0,
        encode_chunk: int | None = None,
        hidden: int = 256,
        scale: float = 0.02,
    ) -> None:
        super().__init__(kshot_memory, mask_threshold, encode_chunk)
        self.hidden = check_whole(hidden, "NegativeTokens.hidden")
        self.scale = check_positive(scale, "NegativeTokens.scale")

    def attach(self, tracker: Tracker) -> None:
        """Build the MLP for the width of the tracker's tokens; it trains.

        Raises:
            ValueError: the tracker's decoder does not read tokens.
        """
        super().attach(tracker)
        width = tracker.token_width
        if width is None:
            name = type(tracker).__name__
            msg = f"NegativeTokens: expected a base whose decoder reads further tokens, such as SAM 2, but got {name}"
            raise ValueError(msg)
        last = nn.Linear(self.hidden, width)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.look = nn.Sequential(nn.Linear(width, self.hidden), nn.GELU(), last)
        self.look.to(next(tracker.parameters()).device)

    def check(self, stage: str, data: Any) -> None:
        """Refuse clips without negatives, in training as in evaluation."""
        if stage == "fit":
            check_choice(self, data, "train_negatives")
        check_choice(self, data, "negatives")

    def forward(self, tracker: Tracker, batch: ClipBatch, propagate_targets: bool) -> Masks:
        """See :meth:`Method.forward`.

        Raises:
            ValueError: the batch is of clips without negatives.
        """
        tokens, counts = self._tokens(tracker, batch)
        rules = self.rules
        propagation = TokenPropagation(
            rules.memory, rules.mask_threshold, rules.encode_chunk, rules.decode, tokens, counts
        )
        return propagation(tracker, batch.images, batch.prompts, propagate_targets)

    def _tokens(self, tracker: Tracker, batch: ClipBatch) -> tuple[Tensor, tuple[int, ...]]:
        """The tokens of each clip, [B, P, C], and how many it has: at least one, of zeros if it has no negative."""
        negatives = negatives_of(self, batch)
        size = (batch.images.shape[-2], batch.images.shape[-1])
        said = self._look(tracker, [one for own in negatives for one in own], size)
        places = [(clip, place) for clip, own in enumerate(negatives) for place in range(len(own))]
        index = torch.tensor(places, dtype=torch.int64, device=said.device).reshape(-1, 2)
        counts = tuple(max(1, len(own)) for own in negatives)
        tokens = said.new_zeros(len(counts), max(counts), said.shape[1])
        return tokens.index_put((index[:, 0], index[:, 1]), said), counts

    def _look(self, tracker: Tracker, negatives: Sequence[Negative], size: tuple[int, int]) -> Tensor:
        """The token of each of G negatives, [G, C]; without any, an empty one that still reaches the MLP.

        Several processes wait for the gradient of every trained parameter, and zeros end that waiting.
        """
        if not negatives:
            weight = next(self.look.parameters())
            empty: Tensor = self.look(weight.new_zeros(0, weight.shape[1]))
            return empty
        features = tracker.encode(torch.stack([one.image for one in negatives]), self.encode_chunk)
        shares = self._shares(tracker, features, [one.prompt for one in negatives], size)
        average = masked_average(features.image.float()[:, None], shares)
        said: Tensor = self.look(average.to(features.image.dtype))
        return said * self.scale * shares.flatten(1).any(dim=1, keepdim=True)

    @torch.no_grad()
    def _shares(self, tracker: Tracker, features: Features, prompts: Sequence[Prompt], size: tuple[int, int]) -> Tensor:
        """How much of each cell is the object, float32 [G, 1, h, w] in [0, 1].

        A mask says it; for points and boxes it is the decoder's answer, as a mask of {0, 1}.
        """
        grid = (features.image.shape[-2], features.image.shape[-1])

        def answer(part: Features, members: list[Prompt]) -> References:
            if members[0].dense is None:
                found = answer_points(tracker, part, members, size)
                masks = (found.remembered > 0).float()
            else:
                masks = given_masks(tracker, part, members, self.mask_threshold)
            shares = F.adaptive_avg_pool2d(masks, grid)
            return References(masks, part.image.mean((-2, -1)), shares)

        return in_groups(features, prompts, answer).remembered
