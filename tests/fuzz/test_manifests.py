"""Manifests with bytes, lines or values changed: refused in one line, or read as plain JSON reads them."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from fakes.coco import write_coco
from fuzz import raw, trees
from sansa_lightning.data.episodes.manifest import ManifestEpisodes, write_manifest
from sansa_lightning.data.episodes.samplers import RandomEpisodes
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.coco import Coco

MUTATIONS = 300


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    return Strict(2).pools(Coco(write_coco(tmp_path_factory.mktemp("coco") / "data").root), "test")


def one_line_changed(good: bytes, rng: np.random.Generator) -> bytes:
    """An episode with another content."""
    lines = good.splitlines()
    at = int(rng.integers(len(lines)))
    lines[at] = json.dumps(trees.one_change(json.loads(lines[at]), rng)).encode()
    return b"\n".join(lines)


def nested(good: bytes, rng: np.random.Generator) -> bytes:
    return trees.json_nested_deeply(good.splitlines()[0], rng)


def test_mutated_manifests(pools, tmp_path):
    path, rng = tmp_path / "episodes.jsonl", np.random.default_rng(0)
    write_manifest(RandomEpisodes(pools, 2, 1, seed=0, length=6), path)
    good = path.read_bytes()
    mutations = (*(one_line_changed,) * 4, nested, raw.other_lines, raw.same_lines, raw.other_encoding, *raw.BYTES)
    outcomes: Counter[str] = Counter()
    for _ in range(MUTATIONS):
        path.write_bytes(mutations[rng.integers(len(mutations))](good, rng))
        try:
            read = ManifestEpisodes(path)
            read.check(pools)
        except (ValueError, FileNotFoundError) as error:
            assert str(path) in str(error)  # noqa: PT017 - which of the two it is depends on the mutation
            assert str(error).isprintable()  # noqa: PT017
            assert len(str(error)) < 600  # noqa: PT017
            outcomes["refused"] += 1
            continue
        plain = [json.loads(line) for line in path.read_bytes().decode("utf-8-sig").splitlines()]
        found = [json.loads(episode.to_json()) for episode in read]
        assert found == plain
        images = {class_id: set(pools[0].source.images(class_id, "val")) for class_id in pools[0].classes}
        assert all({*each["references"], *each["targets"]} <= images[each["class_id"]] for each in plain)
        outcomes["read"] += 1
    assert outcomes["refused"] > MUTATIONS // 4
    assert outcomes["read"] > MUTATIONS // 20
