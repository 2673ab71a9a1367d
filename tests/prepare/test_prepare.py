from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock

from fakes.archives import files_in
from fakes.publishers import publish
from sansa_lightning.data.formats.mask_files import read_labels
from sansa_lightning.prepare.benchmark import Archive
from sansa_lightning.prepare.benchmarks import BENCHMARKS
from sansa_lightning.prepare.download import Downloader
from sansa_lightning.prepare.prepare import Preparation
from sansa_lightning.prepare.verify import faults

BY_HAND = {
    "fss1000": ["fewshot_data.zip"],
    "pascal_part": ["pascal.zip"],
    "deepglobe": ["deepglobe.zip"],
    "lung": ["chest-xray-masks-and-labels.zip"],
}
NOT_OF_THE_DATA = ("archives/", ".prepare.lock", ".index", ".sha256", "LICENSE")


@pytest.fixture
def make(server, tmp_path):
    """A function: name of a benchmark -> its small form, and what runs a preparation of it."""

    def published(name):
        small = publish(name, server, tmp_path / "truth")

        def run(root, **options):
            lines = []
            downloader = Downloader(attempts=2, timeout=5.0, sleep=lambda seconds: None)
            done = Preparation(small.benchmark, root, downloader=downloader, say=lines.append, **options)
            done.run()
            return done, lines

        return small, run

    return published


def of_the_data(root):
    return {path: data for path, data in files_in(root).items() if not any(odd in path for odd in NOT_OF_THE_DATA)}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_benchmark_becomes_what_its_source_reads(make, server, tmp_path, name):
    small, run = make(name)
    root = tmp_path / "root"
    first, _ = run(root)
    assert not first.failed
    assert [archive.file for archive in first.by_hand] == BY_HAND.get(name, [])
    assert bool(list(faults(small.benchmark, root))) == (name in BY_HAND)
    small.put_by_hand(root)
    second, _ = run(root)
    assert not second.failed
    assert not second.by_hand
    assert list(faults(small.benchmark, root)) == []
    assert list(faults(small.benchmark, root, deep=True)) == []
    found, wanted = of_the_data(root), of_the_data(small.truth)
    assert found.keys() == wanted.keys()
    assert {path for path in found if found[path] != wanted[path] and "SegmentationClassAug" not in path} == set()
    server.log.clear()
    third, lines = run(root)
    assert server.log == []
    assert not third.failed
    assert {line[:8].strip() for line in lines} == {"there"}


def test_label_maps_of_pascal5i(make, tmp_path):
    small, run = make("pascal5i")
    run(tmp_path / "root")
    made = sorted((tmp_path / "root" / "SegmentationClassAug").iterdir())
    assert len(made) == 120
    for path in made:
        np.testing.assert_array_equal(read_labels(path), read_labels(small.truth / "SegmentationClassAug" / path.name))


def test_augmented_masks_from_elsewhere_make_sbd_unnecessary(make, server, tmp_path):
    small, run = make("pascal5i")
    root = tmp_path / "root"
    (small.truth / "SegmentationClassAug").rename(root.with_name("aug"))
    root.mkdir()
    root.with_name("aug").rename(root / "SegmentationClassAug")
    _, lines = run(root)
    assert not any(path.endswith("benchmark.tgz") for path, _ in server.log)
    assert any(line.startswith("there") and "not needed any more" in line for line in lines)


def test_data_that_a_person_put_there_are_not_fetched(make, server, tmp_path):
    small, run = make("coco20i")
    _, lines = run(small.truth)
    assert server.log == []
    assert [line.endswith("its content was there already") for line in lines] == [True] * 3


def test_photographs_may_be_linked_from_elsewhere(make, server, tmp_path):
    small, run = make("lvis92i")
    root = tmp_path / "root"
    root.mkdir()
    (root / "coco").symlink_to(small.truth / "coco")
    assert not run(root)[0].failed
    assert sorted(path.rsplit("/")[-1] for path, _ in server.log) == ["lvis_v1_train.json.zip", "lvis_v1_val.json.zip"]
    assert list(faults(small.benchmark, root)) == []


@pytest.mark.parametrize("remove", [False, True])
def test_what_is_damaged_later_is_mended(make, server, tmp_path, remove):
    small, run = make("coco20i")
    root = tmp_path / "root"
    run(root, remove_archives=remove)
    assert (root / "archives/val2014.zip").exists() != remove
    server.log.clear()
    pictures = sorted((root / "val2014").iterdir())
    pictures[0].unlink()
    pictures[1].write_bytes(pictures[1].read_bytes()[:-5])
    kept = pictures[2].stat().st_mtime_ns
    _, lines = run(root, remove_archives=remove)
    (line,) = [line for line in lines if not line.startswith("there")]
    assert f"2 of {len(pictures)} files are missing or have another size" in line
    assert [path.rsplit("/")[-1] for path, _ in server.log] == ["val2014.zip"] * remove
    assert of_the_data(root) == of_the_data(small.truth)
    assert pictures[2].stat().st_mtime_ns == kept


def test_a_killed_unpacking_is_gone_on_with(make, server, tmp_path):
    small, run = make("coco20i")
    root = tmp_path / "root"
    run(root)
    (root / "archives/val2014.zip.unpacked").unlink()
    sorted((root / "val2014").iterdir())[0].unlink()
    server.log.clear()
    run(root)
    assert server.log == []
    assert of_the_data(root) == of_the_data(small.truth)


def test_one_failure_does_not_keep_the_others(make, server, tmp_path):
    small, run = make("coco20i")
    bad = next(path for path in server.files if path.endswith("val2014.zip") and "zips" in path)
    content = server.files.pop(bad)
    root = tmp_path / "root"
    done, lines = run(root)
    assert [step.file for step in done.failed] == ["val2014.zip"]
    assert sum(line.startswith("failed  ") for line in lines) == 1
    assert (root / "train2014").is_dir()
    assert any("val2014" in fault for fault in faults(small.benchmark, root))
    server.files[bad] = b"z" * len(content)
    done, lines = run(root)
    assert "expected sha256" in next(line for line in lines if line.startswith("failed"))
    assert not (root / "val2014").exists()
    assert not list((root / "archives").glob("val2014.zip*"))
    server.files[bad] = content
    assert not run(root)[0].failed
    assert of_the_data(root) == of_the_data(small.truth)


def test_an_archive_that_was_there_is_checked_first(make, server, tmp_path):
    _, run = make("coco20i")
    root = tmp_path / "root"
    (root / "archives").mkdir(parents=True)
    (root / "archives/val2014.zip").write_bytes(b"something else")
    done, lines = run(root)
    assert [step.file for step in done.failed] == ["val2014.zip"]
    assert "archives/val2014.zip: expected sha256" in next(line for line in lines if line.startswith("failed"))
    assert (root / "archives/val2014.zip").read_bytes() == b"something else"


def test_what_nobody_published_a_checksum_of_is_recorded(make, server, tmp_path):
    small, run = make("isic")
    root = tmp_path / "root"
    _, lines = run(root)
    assert sum("no published checksum to compare with: recorded its SHA-256" in line for line in lines) == 3
    assert (root / "class_id.csv.sha256").is_file()
    name = "ISIC2018_Task1_Training_GroundTruth.zip"
    (root / "archives" / name).unlink()
    next((root / "ISIC2018_Task1_Training_GroundTruth").iterdir()).unlink()
    path = next(path for path in server.files if path.endswith(name))
    server.files[path] = server.files[path] + b"x"
    small.benchmark = replace(
        small.benchmark,
        steps=tuple(
            replace(step, remote=replace(step.remote, size=step.remote.size + 1))
            if isinstance(step, Archive) and step.file == name
            else step
            for step in small.benchmark.steps
        ),
    )
    done, lines = run(root)
    assert [step.file for step in done.failed] == [name]
    assert f"recorded in {name}.sha256 at the first download" in next(line for line in lines if "failed" in line)


def test_archives_of_bad_people(make, server, tmp_path):
    from fakes.archives import zipped

    small, run = make("lung")
    root = tmp_path / "root"
    (root / "archives").mkdir(parents=True)
    evil = zipped({"Lung Segmentation/masks/../../../../evil.png": b"x", "Lung Segmentation/masks/a.png": b"x"})
    (root / "archives/chest-xray-masks-and-labels.zip").write_bytes(evil)
    done, lines = run(root)
    assert len(done.failed) == 1
    assert "leads out of the folder" in lines[-1]
    assert not list(tmp_path.rglob("evil.png"))
    assert list(faults(small.benchmark, root))


def test_only_one_at_a_time(make, tmp_path):
    _, run = make("coco20i")
    root = tmp_path / "root"
    root.mkdir()
    with FileLock(root / ".prepare.lock"), pytest.raises(ValueError, match="another process is preparing data there"):
        run(root)


def test_a_disk_that_is_too_small(make, server, tmp_path, monkeypatch):
    _, run = make("coco20i")
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(ValueError, match=r"expected room for 3.\d MB, but the disk has 1.0 kB free; --remove_archives"):
        run(tmp_path / "root")
    assert server.log == []
    assert not (tmp_path / "root").exists()
