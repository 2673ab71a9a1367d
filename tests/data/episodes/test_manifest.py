"""Episode lists as files."""

from __future__ import annotations

import hashlib
import re

import pytest

from sansa_lightning.clips.episode import Episode
from sansa_lightning.data.episodes.manifest import ManifestEpisodes, manifest_hash, write_manifest
from sansa_lightning.data.episodes.samplers import RandomEpisodes
from sansa_lightning.data.protocols.base import Strict

A, B = "val/000000000002.jpg", "val/000000000006.jpg"


@pytest.fixture
def pools(coco):
    return Strict(2).pools(coco, "test")


def test_round_trip_byte_for_byte(pools, tmp_path):
    episodes = RandomEpisodes(pools, 2, 1, seed=0, length=30)
    write_manifest(episodes, tmp_path / "a.jsonl")
    read = ManifestEpisodes(tmp_path / "a.jsonl")
    read.check(pools)
    write_manifest(read, tmp_path / "b.jsonl")
    content = (tmp_path / "a.jsonl").read_bytes()
    assert list(read) == list(episodes)
    assert content == (tmp_path / "b.jsonl").read_bytes()
    assert content.count(b"\n") == 30
    assert manifest_hash(episodes) == manifest_hash(read) == hashlib.sha256(content).hexdigest()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "b.jsonl"]


def test_the_hash_sees_order_and_content(pools):
    episodes = list(RandomEpisodes(pools, 1, 1, seed=0, length=5))
    assert len({manifest_hash(episodes), manifest_hash(episodes[::-1]), manifest_hash(episodes[:4])}) == 3


def test_keys_beyond_ascii_survive(tmp_path):
    write_manifest([Episode("coco", 1, ("val/Ärger.jpg",), (7,))], tmp_path / "a.jsonl")
    assert ManifestEpisodes(tmp_path / "a.jsonl")[0] == Episode("coco", 1, ("val/Ärger.jpg",), (7,))


class TestMistakes:
    @pytest.fixture
    def manifest(self, tmp_path):
        """Writes a good line, then the given one."""

        def write(line):
            path = tmp_path / "a.jsonl"
            path.write_text(f"{Episode('coco', 2, (A,), (B,)).to_json()}\n{line}\n")
            return path

        return write

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no.jsonl is not there; expected a manifest of episodes"):
            ManifestEpisodes(tmp_path / "no.jsonl")

    def test_empty(self, tmp_path):
        (tmp_path / "a.jsonl").write_text("")
        with pytest.raises(ValueError, match=r"a.jsonl: expected one episode per line, but the file is empty"):
            ManifestEpisodes(tmp_path / "a.jsonl")

    @pytest.mark.parametrize("line", ["", "{", "[]", '{"class_id":2}', '{"class_id":"2","references":[],"source":""}'])
    def test_not_an_episode(self, manifest, line):
        with pytest.raises(ValueError, match=r"a.jsonl, line 2: expected"):
            ManifestEpisodes(manifest(line))

    def test_unequal_lines(self, manifest):
        path = manifest(Episode("coco", 2, (A, A), (B,)).to_json())
        with pytest.raises(ValueError, match=r"line 2: expected \(1, 1\) references and targets as in line 1, but got"):
            ManifestEpisodes(path)

    @pytest.mark.parametrize(
        ("episode", "message"),
        [
            (Episode("voc", 2, (A,), (B,)), "unknown source 'voc'; expected one of ['coco']"),
            (Episode("coco", 3, (A,), (B,)), "class 3 is not among the 2 test classes; expected one of [2, 6]"),
            (Episode("coco", 99, (A,), (B,)), "class 99 is not among the 2 test classes"),
            (Episode("coco", 2, (A,), ("val/x.jpg",)), "image 'val/x.jpg' is not among the 4 test images of class 2"),
            (Episode("coco", 2, (A.replace("val", "train"),), (B,)), "image 'train/000000000002.jpg' is not among"),
            (Episode("coco", 2, (A,), (A,)), f"image '{A}' is both reference and target"),
        ],
    )
    def test_not_of_the_data(self, manifest, pools, episode, message):
        listed = ManifestEpisodes(manifest(episode.to_json()))
        with pytest.raises(ValueError, match=rf"manifest .*a.jsonl, line 2: {re.escape(message)}"):
            listed.check(pools)
