"""Places and secrets in a configuration, in the forms in which they are written."""

from __future__ import annotations

import pytest

from sansa_lightning.publish.places import published_config, without_places


@pytest.mark.parametrize(
    ("given", "published"),
    [
        ("/home/alice/data/coco", "coco"),
        ("/data", "data"),
        ("~/x/y", "y"),
        ("~alice/x", "x"),
        ("/home/alice", ""),
        ("../../home/alice/data", "data"),
        ("a/../../home/alice/data", "a/data"),
        ("home/alice/data", "data"),
        ("file:///home/alice/x", "x"),
        ("s3://alice/bucket/x", "x"),
        (r"C:\Users\alice\x", "x"),
        ("C:/Users/alice", ""),
        (r"\\alice\share\x", "x"),
        ("$ALICE/x", "x"),
        (r"%ALICE%\x", "x"),
        ("--root=/home/alice/d", "--root=d"),
        ("--root /home/alice smith/d", "--root d"),
        ("a.yaml,/home/alice/b.yaml", "a.yaml,b.yaml"),
        ("--wandb_api_key=alice", "--wandb_api_key"),
        ({"/home/alice/d": [("/home/alice/e", 1)]}, {"d": [["e", 1]]}),
        ({"api_key": "alice", "hub_token": "alice", "tokens": 4}, {"api_key": None, "hub_token": None, "tokens": 4}),
    ],
)
def test_what_says_where_or_is_secret_goes(given, published):
    assert without_places(given) == published


@pytest.mark.parametrize(
    "text",
    ["relative/z", "facebook/dinov2-base", "hf://owner/name", "sansa_lightning.a.B", "1e-4", "mIoU / FB-IoU", "a/b: c"],
)
def test_other_text_stays(text):
    assert without_places({1: text, "x": [text, None, 0.5]}) == {1: text, "x": [text, None, 0.5]}


def test_only_model_data_and_training_are_published():
    given = {
        "seed_everything": 0,
        "model": {"base": {"weights": "/home/alice/sam.pt"}},
        "data": {"size": 64},
        "run_dir": "alice",
        "trainer": {"max_steps": 3, "logger": {"entity": "alice"}, "callbacks": ["alice"], "default_root_dir": "alice"},
    }
    assert published_config(given) == {
        "seed_everything": 0,
        "model": {"base": {"weights": "sam.pt"}},
        "data": {"size": 64},
        "trainer": {"max_steps": 3},
    }
