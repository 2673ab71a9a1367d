"""What rules score that see colours and no pattern: little by default, much where only distractors wear the colours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from sansa_lightning.clips.episode import ImageKey
from sansa_lightning.data.episodes.samplers import RandomEpisodes
from sansa_lightning.data.episodes.wrong_reference import WrongReferences
from sansa_lightning.data.patterns.keys import PatternKey
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.patterns import PaletteRule, Patterns

EPISODES = 320
Choose = Callable[[NDArray[np.float64]], NDArray[np.bool_]]
RULES: dict[str, Choose] = {
    "nearest": lambda distances: distances == distances.min(),
    "farthest": lambda distances: distances == distances.max(),
    "all but the same": lambda distances: distances > 0,
}
"""Which objects are chosen, by the distances of their palettes from that of the reference's subject."""


class Looks:
    """Colour-only answers to the test episodes of a fold.

    Attributes:
        miou: after right and after wrong references.
        everything: mIoU of all objects.
        choice: share of targets in which a chosen object is of the class, ties shared; and the chance of a guess.
    """

    def __init__(self, val_rule: PaletteRule, fold: int, choose: Choose) -> None:
        self.source = Patterns(val_rule=val_rule)
        (pool,) = Strict(fold).pools(self.source, "test")
        right = RandomEpisodes([pool], 1, 1, 0, EPISODES)
        wrong = WrongReferences(right, pool, 0)
        sums = np.zeros((3, 32, 2))
        choices = []
        for index in range(EPISODES):
            target, class_id = right[index].targets[0], right[index].class_id
            instances, classes = self.source.objects(target)
            of_class = np.array(classes) == class_id
            for row, episode in enumerate((right[index], wrong[index])):
                chosen = choose(self.distances(target, episode.references[0]))
                sums[row, class_id] += overlap(instances, chosen, of_class)
                if row == 0 and chosen.any():
                    choices.append((of_class[chosen].mean(), of_class.mean()))
            sums[2, class_id] += overlap(instances, np.ones_like(of_class), of_class)
        seen = sums[:, list(pool.classes)]
        *self.miou, self.everything = 100 * (seen[..., 0] / seen[..., 1]).mean(1)
        self.choice = 100 * np.mean(choices, axis=0)

    def distances(self, target: ImageKey, reference: ImageKey) -> NDArray[np.float64]:
        """Of each object's palette, as it is worn, from that of the reference's subject."""
        key = PatternKey.parse(target)
        worn = self.source._scene(key).palettes.astype(float).copy()
        if key.lender is not None:
            worn[key.wearer] = self.subject(key.lender)
        return np.abs(worn - self.subject(PatternKey.parse(reference))).sum((1, 2))

    def subject(self, key: PatternKey) -> NDArray[np.float64]:
        scene = self.source._scene(key)
        return scene.palettes[scene.subject].astype(float)


def overlap(instances: NDArray[np.integer], chosen: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> tuple[int, int]:
    predicted, truth = (np.isin(instances, 1 + np.flatnonzero(part)) for part in (chosen, wanted))
    return int((predicted & truth).sum()), int((predicted | truth).sum())


@pytest.mark.slow
@pytest.mark.parametrize("fold", range(4))
@pytest.mark.parametrize("rule", RULES)
def test_colours_say_nothing_by_default(rule, fold):
    looks = Looks("neutral", fold, RULES[rule])
    right, wrong = looks.miou
    assert right < looks.everything
    assert right - wrong < 5
    choice, chance = looks.choice
    assert abs(choice - chance) < 8  # standard error: 2.8


def test_colours_give_the_answer_away_where_only_distractors_wear_them():
    """Why "adversarial" is not the default: not to be in the reference's colours is a sign of the class there."""
    looks = Looks("adversarial", 0, RULES["farthest"])
    right, wrong = looks.miou
    assert right > looks.everything + 3
    assert right - wrong > 15
    assert looks.choice[0] > looks.choice[1] + 20
