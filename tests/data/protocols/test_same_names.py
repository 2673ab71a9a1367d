"""Names without capitals and white space; and that no published list of classes has two of one name."""

from __future__ import annotations

import itertools
import re

import pytest

from sansa_lightning.data.protocols.regrouped import AS_IN_COCO
from sansa_lightning.data.protocols.same_names import bare
from sansa_lightning.data.sources import coco20i_released, pascal5i
from sansa_lightning.data.sources.patterns import NAMES as PATTERNS


@pytest.mark.parametrize(
    "name",
    [
        "traffic light",
        "Traffic  Light ",
        "TRAFFICLIGHT",
        "traffic\u00a0light",
        "\ufefftraffic\u200b light",
        "\uff54raffic light",
    ],
)
def test_one_name(name):
    assert bare(name) == "trafficlight"


def test_other_names():
    names = ["cat", "cats", "c-at", "c_at", "k\u00e4fer", "kafer", ""]
    assert all(bare(one) != bare(other) for one, other in itertools.combinations(names, 2))
    assert bare("STRASSE") == bare("stra\u00dfe")


@pytest.mark.parametrize("names", [coco20i_released.NAMES, pascal5i.NAMES, PATTERNS])
def test_published_classes_have_names_of_their_own(names):
    assert len({bare(name) for name in names}) == len(names)


def test_pascal_s_names_are_those_of_coco_only_where_they_are_the_same_thing():
    """Regrouped folds go by the namesakes, so that names that are equal without spaces lie on one side."""
    by_bare = {bare(name): name for name in coco20i_released.NAMES}
    for name in pascal5i.NAMES:
        there = by_bare.get(bare(name))
        assert there in (None, AS_IN_COCO.get(name, name))
        assert re.fullmatch(r"[a-z]+", name)
