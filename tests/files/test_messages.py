"""What an error says, on one line that can be printed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from jsonargparse import ArgumentParser
from torch.utils.data import DataLoader, Dataset

from sansa_lightning.files.messages import brief, counted, one_line, plain


def test_a_count_has_its_noun_in_the_right_number() -> None:
    assert [counted(number, "picture") for number in (0, 1, 2)] == ["0 pictures", "1 picture", "2 pictures"]
    assert [counted(number, "class", "classes") for number in (1, 2)] == ["1 class", "2 classes"]


class Thing:
    def __init__(self, weight: float) -> None:
        if weight < 0:
            msg = f"Thing.weight: expected a number >= 0 - or none,\n but got {weight}"
            raise ValueError(msg)


class Holder:
    def __init__(self, things: Mapping[str, Thing] | None = None) -> None:
        self.things = things


def test_what_a_class_says_of_its_arguments_is_not_buried_in_the_parsers_types():
    parser = ArgumentParser()
    parser.add_argument("--thing", type=Thing | None)
    parser.add_argument("--holder", type=Holder | None)
    thing = {"class_path": f"{__name__}.Thing", "init_args": {"weight": -1.0}}
    for given in (
        {"thing": thing},
        {"holder": {"class_path": f"{__name__}.Holder", "init_args": {"things": {"a": thing}}}},
    ):
        with pytest.raises(ValueError, match="Union subtypes") as caught:
            parser.instantiate(parser.parse_object(given))
        assert one_line(caught.value) == "Thing.weight: expected a number >= 0 - or none, but got -1.0"


class Broken(Dataset[int]):
    def __init__(self, error: Exception) -> None:
        self.error = error

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        raise self.error


@pytest.mark.parametrize("error", [ValueError("a.jpg cannot be\ndecoded"), FileNotFoundError("a.jpg is not there")])
def test_an_error_in_a_loading_process_is_its_own_line(error):
    with pytest.raises(type(error), match=r"a\.jpg") as caught:
        next(iter(DataLoader(Broken(error), num_workers=1, generator=torch.Generator())))
    assert "Traceback" in str(caught.value)
    assert one_line(caught.value) == " ".join(str(error).split())
    assert one_line(error) == " ".join(str(error).split())


def test_brief_is_one_short_line_whatever_the_value():
    nested: list = []
    for _ in range(20_000):
        nested = [nested]
    assert brief({"a": [1, 2]}) == "{'a': [1, 2]}"
    assert brief("x" * 500) == "'" + "x" * 59
    assert brief(np.array([[1, 2], [3, 4]])) == "[[1 2] [3 4]]"
    assert brief(nested) == "a list"
    assert brief(10**5000) == "a int"
    assert brief("a\nb") == "'a\\nb'"


def test_plain_can_be_printed():
    assert plain("a\n\tb\x00\x1b[1m") == "a b??[1m"
    assert plain("x" * 500) == "x" * 200
