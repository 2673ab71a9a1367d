"""The probe as a callback of ``test``."""

from __future__ import annotations

import csv

import pytest
import torch

from builders import nano
from fakes.fss1000 import write_fss1000
from launches import call, result
from sansa_lightning.analysis.linear_probe import LinearProbe, probe_pool, split_samples
from sansa_lightning.analysis.probe import class_cells, linear_probe, pattern_cells
from sansa_lightning.data.protocols.base import Pool, Strict
from sansa_lightning.data.protocols.class_lists import ClassSplits
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.fss1000 import Fss1000
from sansa_lightning.data.sources.patterns import Patterns

SOURCE = Patterns()


def test_class_cells_are_those_of_the_objects_of_that_class():
    sam = nano()
    keys = [SOURCE.images(class_id, "val")[0] for class_id in (3, 9)]
    every = pattern_cells(sam, SOURCE, keys)
    found = class_cells(sam, SOURCE, [(keys[0], 3), (keys[1], 9)], chunk=1)
    for place, class_id in enumerate((3, 9)):
        mine = (every.classes == class_id) & (every.objects // 8 == place)
        # Two touching objects of a class may fill a cell together that neither fills alone.
        features = found.of([class_id]).features
        assert len(features) >= int(mine.sum()) > 0
        assert all(torch.isclose(features, row, atol=1e-5).all(1).any() for row in every.features[mine])


def test_no_image_is_in_both_parts(coco):
    (pool,) = Strict(0).pools(Coco(coco.root), "test")
    train, test = split_samples(pool, 4)
    assert train
    assert test
    assert not {key for key, _ in train} & {key for key, _ in test}
    for class_id in pool.classes:
        assert sum(c == class_id for _, c in train) <= 4
        assert sum(c == class_id for _, c in test) <= 2


@pytest.mark.slow
def test_is_the_probe_of_the_pools_classes():
    sam = nano()
    (pool,) = Strict(2).pools(SOURCE, "test")
    found = probe_pool(sam, pool, images=4, stage=2)
    samples = [
        [(key, c) for c in pool.classes for key in SOURCE.images(c, "val")[part]] for part in (slice(4), slice(4, 6))
    ]
    assert found == linear_probe(*(class_cells(sam, SOURCE, part) for part in samples))
    assert found.chance == 1 / 8


@pytest.mark.parametrize("classes", [(3,), (3, 7)])
def test_two_classes_are_needed(classes):
    found = probe_pool(nano(), Pool(SOURCE, "val", classes), images=2, stage=3)
    assert (found is None) == (len(classes) == 1)


def test_sources_of_single_masks_can_be_probed(tmp_path):
    source = Fss1000(write_fss1000(tmp_path / "data").root)
    (pool,) = ClassSplits().pools(source, "test")
    train, _ = split_samples(pool, 2)
    assert len(train) == 2 * len(pool.classes)
    probe_pool(nano(), pool, 2, 0)


@pytest.mark.slow
def test_by_the_command_line(tmp_path, capsys):
    options = ("--data.test_episodes", 2, "--data.num_workers", 0, "--trainer.enable_progress_bar", "false")
    probe = ("--trainer.callbacks+=LinearProbe", "--trainer.callbacks.init_args.images=2")
    call("test", "--run_dir", tmp_path, "--model.strategy", "Frozen", *options, *probe)
    found = result(tmp_path, "test")["metrics"]["test"]["probe"]
    assert (found["stage"], found["chance"]) == (2, 1 / 8)
    assert found["cells"] > 3 * found["chance"]
    assert f"linear probe of stage 2: cells {100 * found['cells']:.1f}" in capsys.readouterr().out
    with (tmp_path / "metrics" / "test-1" / "metrics.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["test/probe_objects"]) == pytest.approx(found["objects"])


def test_on_a_small_coco_by_the_command_line(tiny_yaml, tmp_path):
    call(
        "test",
        "--config",
        tiny_yaml,
        "--run_dir",
        tmp_path,
        "--trainer.callbacks+=LinearProbe",
        "--trainer.callbacks.stage=0",
    )
    assert "probe" in result(tmp_path, "test")["metrics"]["test"]


@pytest.mark.parametrize("arguments", [{"images": 1}, {"stage": 4}])
def test_what_cannot_be_probed(arguments):
    with pytest.raises(ValueError, match="LinearProbe: expected at least 2 images and a stage of"):
        LinearProbe(**arguments)
