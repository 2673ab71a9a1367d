"""Kept indices: the same answers as without, new ones when the file changes, and never a damaged one."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes.coco import write_coco
from fakes.lvis import write_lvis
from fakes.paco_part import write_paco
from sansa_lightning.data.formats import index_cache
from sansa_lightning.data.formats.annotations.instances import read_instances
from sansa_lightning.data.formats.annotations.regions import Regions
from sansa_lightning.data.sources.abilities import image_count, listing, notes_of
from sansa_lightning.data.sources.base import Source
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.lvis import Lvis, LvisReleased
from sansa_lightning.data.sources.paco_part import PacoPart, PacoPartReleased

SOURCES = (
    (write_coco, Coco),
    (write_lvis, Lvis),
    (write_lvis, LvisReleased),
    (write_paco, PacoPart),
    (write_paco, PacoPartReleased),
)
EACH = pytest.mark.parametrize(("write", "build"), SOURCES, ids=[build.__name__ for _, build in SOURCES])


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty cache that small files are kept in as well."""
    monkeypatch.setenv(index_cache.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(index_cache, "LEAST_BYTES", 0)
    return tmp_path / "cache" / "indices"


@pytest.fixture
def annotations(tmp_path) -> Path:
    """An annotation file that was written a while ago."""
    path = write_coco(tmp_path / "coco").annotations("val")
    settle(path)
    return path


def settle(path: Path) -> None:
    """Wait until a change to the file would show in its times."""
    old = time.time() - 60
    os.utime(path, (old, old))
    while time.time() < path.stat().st_ctime + index_cache._UNSETTLED:
        time.sleep(0.1)


def read(path: Path, reads: list[Path] | None = None) -> Regions:
    def counted(path: Path) -> Regions:
        if reads is not None:
            reads.append(path)
        return read_instances(path)

    return index_cache.cached(path, "coco", Regions, counted)


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def answers(source: Source) -> list[Any]:
    """Everything that a source says of its annotations."""
    found: list[Any] = []
    for split in ("val", "train"):
        found += [source.classes(split), listing(source, split), notes_of(source, split)]
        for class_id in source.classes(split):
            found += [source.class_name(class_id), source.images(class_id, split), image_count(source, class_id, split)]
            found += [source.load(key, class_id)[1].tolist() for key in source.images(class_id, split)]
    return found


@EACH
def test_answers_are_the_same_without_and_with(folder, tmp_path, monkeypatch, write, build):
    root = write(tmp_path / "data").root
    built = answers(build(root))
    assert len(kept(folder)) == 2
    mapped = answers(build(root))
    monkeypatch.setattr(index_cache, "LEAST_BYTES", 10**9)
    assert answers(build(root)) == built == mapped


@EACH
def test_read_once(folder, tmp_path, monkeypatch, write, build):
    root = write(tmp_path / "data").root
    build(root).classes("val")
    monkeypatch.setattr(build, "read_file", None, raising=False)
    monkeypatch.setattr("sansa_lightning.data.sources.coco.read_instances", None)
    assert build(root).classes("val")
    with pytest.raises(TypeError):
        build(root).classes("train")


def test_arrays_are_mapped_and_cannot_be_changed(folder, annotations):
    table = read(annotations)
    assert table.kept == kept(folder)[0]
    maps = Path("/proc/self/maps")
    assert not maps.exists() or str(table.kept) in maps.read_text()
    with pytest.raises(ValueError, match="read-only"):
        table.runs[0] = 1


def test_small_files_are_not_kept(folder, annotations, monkeypatch):
    monkeypatch.setattr(index_cache, "LEAST_BYTES", annotations.stat().st_size + 1)
    assert read(annotations).kept is None
    assert not folder.exists()


class TestChanges:
    def test_an_unchanged_file_is_not_hashed_again(self, folder, annotations, monkeypatch):
        read(annotations)
        monkeypatch.setattr(index_cache, "sha256_of", None)
        assert read(annotations).kept

    def test_another_content_of_the_same_size(self, folder, annotations):
        before = read(annotations)
        stat = annotations.stat()
        annotations.write_text(annotations.read_text().replace('"ant"', '"elk"'))
        os.utime(annotations, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert annotations.stat().st_size == stat.st_size
        after = read(annotations)
        assert before.names[0] == "ant"
        assert after.names[0] == "elk"
        assert len(kept(folder)) == 2

    def test_a_change_right_after_the_reading(self, folder, tmp_path):
        """Two contents of one size within the clock's resolution."""
        path = write_coco(tmp_path / "new").annotations("val")
        for name in ("ant", "elk", "owl", "bat"):
            path.write_text(path.read_text().replace('"ant"', f'"{name}"'))
            assert read(path).names[0] == name
            path.write_text(path.read_text().replace(f'"{name}"', '"ant"'))

    def test_touched_or_moved_is_the_same(self, folder, annotations, tmp_path):
        reads: list[Path] = []
        read(annotations, reads)
        annotations.touch()
        read(annotations, reads)
        read(annotations.rename(tmp_path / "other.json"), reads)
        assert len(reads) == 1

    def test_while_it_is_read(self, folder, annotations):
        """What was read of a file that changes meanwhile is not kept under the hash of what it was before."""

        def slow(path: Path) -> Regions:
            table = read_instances(path)
            path.write_text(path.read_text() + " ")
            return table

        assert index_cache.cached(annotations, "coco", Regions, slow).kept is None
        assert kept(folder) == []

    def test_another_version(self, folder, annotations, monkeypatch):
        reads: list[Path] = []
        read(annotations, reads)
        monkeypatch.setattr(index_cache, "VERSION", index_cache.VERSION + 1)
        read(annotations, reads)
        assert len(reads) == 2


class TestDamage:
    @pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.999])
    def test_truncated(self, folder, annotations, share):
        whole = read(annotations).mask(3, 3)
        (path,) = kept(folder)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        again = read(annotations)
        assert path.read_bytes() == content
        np.testing.assert_array_equal(again.mask(3, 3), whole)

    def test_every_changed_bit_is_found(self, folder, annotations):
        whole = read(annotations).arrays()
        (path,) = kept(folder)
        content = path.read_bytes()
        header = 8 + int.from_bytes(content[:8], "little")
        rng = np.random.default_rng(0)
        for place in rng.integers(len(content), size=300).tolist():
            changed = bytearray(content)
            changed[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(changed)
            table = index_cache.opened(Regions, path)
            if table is not None:  # white space of the header, or the name of something in it that nobody reads
                assert place < header
                assert all(np.array_equal(array, whole[name]) for name, array in table.arrays().items())
        path.write_bytes(content)
        assert index_cache.opened(Regions, path) is not None

    def test_of_another_kind(self, folder, annotations):
        from safetensors.numpy import save_file

        read(annotations)
        (path,) = kept(folder)
        save_file({"x": np.zeros(3)}, path)
        assert read(annotations).files

    def test_notes(self, folder, annotations):
        read(annotations)
        (note,) = (folder / "files").glob("*.json")
        for text in ("", "{", "[]", '{"stamp": 5}', "\xff"):
            note.write_text(text)
            assert read(annotations).kept


class TestNoPlace:
    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
    def test_read_only(self, folder, annotations):
        folder.mkdir(parents=True)
        folder.chmod(0o500)
        with pytest.warns(UserWarning, match="will be read again each time"):
            assert read(annotations).kept is None

    def test_a_file_in_the_way(self, folder, annotations):
        folder.parent.mkdir(parents=True)
        folder.write_text("x")
        with pytest.warns(UserWarning, match="will be read again each time, since .* cannot be written"):
            assert read(annotations).kept is None

    def test_no_home(self, annotations, monkeypatch):
        def nowhere() -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr(index_cache, "LEAST_BYTES", 0)
        monkeypatch.delenv(index_cache.CACHE_VARIABLE, raising=False)
        monkeypatch.setattr(Path, "home", nowhere)
        with pytest.warns(UserWarning, match="there is no cache folder: Could not determine .*; set SANSA_CACHE"):
            assert read(annotations).kept is None

    def test_default(self, monkeypatch):
        monkeypatch.delenv(index_cache.CACHE_VARIABLE, raising=False)
        assert index_cache.cache_folder() == Path.home() / ".cache" / "sansa_lightning"

    def test_errors_are_those_of_the_reader(self, folder, annotations):
        annotations.write_text("{")
        with pytest.raises(ValueError, match=r"instances_val2017.json is not valid JSON"):
            read(annotations)
        with pytest.raises(FileNotFoundError, match="nowhere is not there"):
            read(annotations.parent / "nowhere")
        assert kept(folder) == []


class TestWorkers:
    @pytest.mark.slow
    @EACH
    def test_little_is_sent(self, folder, tmp_path, write, build):
        """To spawned workers goes the file's name, whatever was asked before."""
        root = write(tmp_path / "data").root
        source = build(root)
        first = answers(source)
        sent = pickle.dumps(source)
        assert len(sent) < 1500
        assert answers(pickle.loads(sent)) == first  # noqa: S301 - our own

    def test_what_is_not_kept_is_sent_whole(self, annotations):
        table = read_instances(annotations)
        copy = pickle.loads(pickle.dumps(table))  # noqa: S301 - our own
        assert copy.names == table.names
        np.testing.assert_array_equal(copy.runs, table.runs)

    def test_an_index_that_vanished(self, folder, annotations):
        sent = pickle.dumps(read(annotations))
        kept(folder)[0].unlink()
        with pytest.raises(FileNotFoundError, match="has vanished or been damaged; expected it to stay during a run"):
            pickle.loads(sent)  # noqa: S301 - our own

    def test_only_one_process_builds(self, folder, annotations, tmp_path):
        log = tmp_path / "log"
        context = multiprocessing.get_context("fork")
        processes = [context.Process(target=_read_slowly, args=(annotations, log)) for _ in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0, 0, 0]
        assert log.read_text() == "read\n"


def _read_slowly(path: Path, log: Path) -> None:
    def slow(path: Path) -> Regions:
        with log.open("a") as file:
            file.write("read\n")
        time.sleep(0.3)
        return read_instances(path)

    read_with: Callable[[Path], Regions] = slow
    assert index_cache.cached(path, "coco", Regions, read_with).kept
