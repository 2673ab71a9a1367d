"""Episodes: what they accept, what they refuse."""

from __future__ import annotations

import pytest

from sansa_lightning import Episode

EPISODE = Episode("coco", 7, ("a.jpg", 12), ("b.jpg",))


@pytest.mark.parametrize(
    "episode", [EPISODE, Episode("lvis", 0, (1,), (2, 3, 4)), Episode("Grüße", 3, ('quote"d', "new\nline"), ("ü",))]
)
def test_an_episode_survives_its_line(episode: Episode) -> None:
    line = episode.to_json()
    assert "\n" not in line
    assert Episode.from_json(line) == episode
    assert hash(Episode.from_json(line)) == hash(episode)


def test_the_line_of_an_episode() -> None:
    assert EPISODE.to_json() == '{"class_id":7,"references":["a.jpg",12],"source":"coco","targets":["b.jpg"]}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", r"expected one JSON object per line, but got ''"),
        ("{'source': 1}", r"expected one JSON object per line, but got \"\{'source': 1\}\""),
        (
            "[1]",
            r"expected a JSON object with the keys \['class_id', 'references', 'source', 'targets'\], but got '\[1\]'",
        ),
        ('{"source":"a","class_id":1,"references":[1]}', r"expected a JSON object with the keys"),
        (
            '{"source":"a","class_id":1,"references":[1],"targets":[2],"fold":0}',
            r"expected a JSON object with the keys",
        ),
        ('{"source":5,"class_id":1,"references":[1],"targets":[2]}', r"expected source: text"),
        ('{"source":"a","class_id":"1","references":[1],"targets":[2]}', r"class_id: integer"),
        ('{"source":"a","class_id":true,"references":[1],"targets":[2]}', r"class_id: integer"),
        ('{"source":"a","class_id":1.0,"references":[1],"targets":[2]}', r"class_id: integer"),
        ('{"source":"a","class_id":1,"references":"ab","targets":[2]}', r"references and targets: lists"),
        ('{"source":"a","class_id":1,"references":[1],"targets":[[2]]}', r"references and targets: lists"),
        ('{"source":"a","class_id":1,"references":[1],"targets":[null]}', r"references and targets: lists"),
        (
            '{"source":"a","class_id":1,"references":[],"targets":[2]}',
            r"expected at least one reference and one target",
        ),
    ],
)
def test_lines_that_are_no_episode(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Episode.from_json(line)


def test_an_episode_needs_both_sides() -> None:
    with pytest.raises(ValueError, match="Episode of class 3: expected at least one reference and one target"):
        Episode("a", 3, (1,), ())
