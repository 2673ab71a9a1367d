from __future__ import annotations

import pytest
import yaml

from launches import write_yaml
from sansa_lightning.ablate.expand import Asked, Expander
from sansa_lightning.ablate.identity import identity
from sansa_lightning.ablate.table import read_table
from sansa_lightning.cli.resolve import as_plain
from sansa_lightning.strategies.frozen import Frozen

FROZEN = {"name": "Frozen", "config": "frozen.yaml"}
ADAPTER = {"name": "Adapter", "config": "adapter.yaml"}


def expanded(path, **asked):
    table, faults = read_table(path)
    assert faults == []
    expander = Expander(Asked(runs=path.parent / "runs", **asked))
    return expander, expander.expand(table)


def test_folds_and_seeds_go_where_they_belong(write_table):
    expander, rows = expanded(write_table([ADAPTER], seeds=[0, 5], folds=[0, 2]))
    assert expander.faults == []
    assert list(rows[0].runs) == [(0, 0), (0, 5), (2, 0), (2, 5)]
    assert len(expander.jobs) == 4
    job = expander.jobs[rows[0].runs[2, 5]]
    config = yaml.safe_load(job.config)
    assert config["data"]["protocol"]["init_args"]["fold"] == 2
    assert config["seed_everything"] == config["data"]["seed"] == config["model"]["base"]["seed"] == 5
    assert config["data"]["test_seed"] == 0
    assert job.folder.name == f"Adapter_fold2_seed5-{job.identity}"
    assert job.trains


def test_folds_and_seeds_of_the_command_line_win(write_table):
    _, rows = expanded(write_table([ADAPTER], seeds=[0, 1, 2]), folds=(1,), seeds=(3,))
    assert list(rows[0].runs) == [(1, 3)]


def test_rows_that_are_the_same_are_one_run(write_table):
    plain = {"name": "plain"}  # the experiment's own strategy, placed at [1, 2], which is "middle"
    expander, (one, other) = expanded(write_table([ADAPTER, plain]))
    assert one.runs == other.runs
    assert len(expander.jobs) == 1
    other_table, _ = read_table(write_table([plain | {"set": {"data.num_workers": 2}}], "other.yaml", in_domain=True))
    (third,) = expander.expand(other_table)
    assert third.runs == one.runs
    assert expander.jobs[third.runs[0, 0]].in_domain  # if any table asks for it


def test_rows_that_differ_are_several_runs(write_table):
    rows = [{"name": str(lr), "set": {"model.optimizer.init_args.lr": lr}} for lr in (0.01, 0.02)]
    assert len(expanded(write_table(rows))[0].jobs) == 2


STOPPING = {"class_path": "EarlyStopping", "init_args": {"monitor": "val/miou", "patience": 2}}


@pytest.mark.slow
def test_what_changes_the_batch_or_the_end_of_training_is_another_run(write_table):
    rows = [
        {"name": name, "set": {f"trainer.{key}": value for key, value in given.items()}}
        for name, given in {
            "plain": {},
            "one": {"devices": 1},
            "auto": {"devices": "auto", "callbacks": []},
            "two": {"devices": 2},
            "stops": {"callbacks": [STOPPING]},
            "waits": {"callbacks": [{**STOPPING, "init_args": {"monitor": "val/miou", "patience": 5}}]},
            "gpu": {"accelerator": "gpu"},
            "one gpu": {"accelerator": "gpu", "devices": 1},
        }.items()
    ]
    table, _ = read_table(write_table(rows))
    expander = Expander(Asked())
    configs = {row.name: as_plain(expander.resolved(table, row)[0]) for row in table.rows}
    found = {name: identity(config, Frozen(), trains=True) for name, config in configs.items()}
    assert found["plain"] == found["one"] == found["auto"]
    assert len(set(found.values())) == 6
    for key in ("devices", "callbacks"):  # as in the records of earlier calls
        del configs["plain"]["trainer"][key]
    assert identity(configs["plain"], Frozen(), trains=True) == found["plain"]


def test_what_does_not_train_has_no_seed(write_table):
    given = {"set": {"model.base.weights": "official"}}
    expander, rows = expanded(write_table([FROZEN | given, ADAPTER | given], seeds=[0, 1, 2]))
    assert [len(set(row.runs.values())) for row in rows] == [1, 3]
    assert not expander.jobs[rows[0].runs[0, 1]].trains
    random, rows = expanded(write_table([FROZEN], seeds=[0, 1]))
    assert len(random.jobs) == 2  # random weights follow the seed


def test_the_frozen_base_is_not_scored_in_every_row(write_table):
    expander, rows = expanded(write_table([ADAPTER]))
    assert yaml.safe_load(expander.jobs[rows[0].runs[0, 0]].config)["compare_frozen"] is False


@pytest.mark.slow
def test_what_a_strategy_needs_comes_after_the_rows_files_and_before_its_settings(write_table, tmp_path):
    scale, lr = "model.strategy.init_args.scale", "model.optimizer.init_args.lr"
    write_yaml(tmp_path / "adjust.yaml", {"AdaptFormer": {scale: 0.7, lr: 0.5}, "LoRA": {lr: 9}})
    path = write_table([ADAPTER, ADAPTER | {"name": "own", "set": {lr: 0.25}}, FROZEN], adjust="adjust.yaml")
    _, rows = expanded(path)
    found = [row.config["model"] for row in rows]
    assert [model["optimizer"]["init_args"]["lr"] for model in found] == [0.5, 0.25, 0.01]
    assert [model["strategy"]["init_args"].get("scale") for model in found] == [0.7, 0.7, None]
    assert rows[0].adjusted == {scale: 0.7, lr: 0.5}
    _, rows = expanded(path, experiments=(tmp_path / "experiment.yaml",))
    assert rows[0].adjusted == {}  # it belongs to the table's own experiment
    _, rows = expanded(path, experiments=(tmp_path / "experiment.yaml",), adjust=tmp_path / "adjust.yaml")
    assert rows[0].adjusted[lr] == 0.5


def test_every_fault_of_every_row_is_said(write_table, tmp_path):
    write_yaml(tmp_path / "strategy.yaml", {"model": {"strategy": {"class_path": "LoRAA"}}})
    write_yaml(tmp_path / "argument.yaml", {"model": {"strategy": {"class_path": "LoRA", "init_args": {"rnk": 3}}}})
    rows = [
        {"name": "strategy", "config": "strategy.yaml"},
        {"name": "argument", "config": "argument.yaml"},
        {"name": "stages", "set": {"model.strategy.init_args.placement": [4]}},
        {"name": "blocks", "set": {"model.strategy.init_args.placement": "blocks 40-47"}},
        {"name": "weights", "set": {"model.base.weights": "nowhere.pt"}},
        {"name": "data", "set": {"data.source.init_args.root": "nowhere"}},
        {"name": "recipe", "set": {"recipe": "tracker"}},
        FROZEN,
    ]
    path = write_table(rows, folds=[0, 1])
    expander, planned = expanded(path)
    assert [row.name for row in planned] == ["Frozen"]
    lines = dict(zip([row["name"] for row in rows], expander.faults, strict=False))
    assert len(expander.faults) == 7
    for name, line in lines.items():
        assert line.startswith(f"{path}, row {name!r}: ")
    words = {
        "strategy": "expected a Strategy, but 'LoRAA' is not one; did you mean LoRA?",
        "argument": "did you mean rank?",
        "stages": "expected different stages out of [0, 1, 2, 3], but got [4]",
        "blocks": "blocks 40-47 do not exist",
        "weights": "weights of nano: nowhere.pt is not a file",
        "data": "Coco.root: nowhere is not a folder",
        "recipe": "expected few_shot, but got tracker",
    }
    for name, line in lines.items():
        assert words.get(name, "") in line


def test_absent_data_are_a_fault_of_each_row(write_table):
    rows = [row | {"set": {"data.source.init_args.root": "nowhere"}} for row in (FROZEN, ADAPTER)]
    expander, planned = expanded(write_table(rows))
    assert planned == []
    assert [fault.partition(": ")[2] for fault in expander.faults] == [expander.faults[0].partition(": ")[2]] * 2


def test_a_fold_that_there_is_not_is_a_fault(write_table):
    expander, _ = expanded(write_table([FROZEN]), folds=(0, 9))
    assert len(expander.faults) == 1
    assert "expected 0 to 3, since folds is 4, but got 9" in expander.faults[0]


def test_the_in_domain_score_needs_a_protocol_that_has_one(write_table):
    chosen = {"data.protocol": {"class_path": "Chosen", "init_args": {"classes": [0, 1]}}}
    expander, _ = expanded(write_table([FROZEN | {"set": chosen}], in_domain=True))
    assert expander.faults[0].endswith("in_domain: expected protocol Strict, but got Chosen")
    whole, rows = expanded(write_table([FROZEN | {"set": chosen}]))
    assert whole.faults == []
    assert list(rows[0].runs) == [(None, 0)]  # it has no folds


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"LoRAA": {}}, "expected strategies (AdaptFormer, "),
        ({"LoRA": 3}, "but got LoRA: 3"),
        ({"AdaptFormer": {"model.strategy.init_args.scael": 1}}, "did you mean scale?"),
    ],
)
def test_a_wrong_adjustment_is_one_line(content, words, write_table, tmp_path):
    write_yaml(tmp_path / "adjust.yaml", content)
    expander, _ = expanded(write_table([ADAPTER], adjust="adjust.yaml"))
    assert len(expander.faults) == 1
    assert words in expander.faults[0]


def test_no_file_of_adjustments_is_one_line(write_table, tmp_path):
    expander, _ = expanded(write_table([ADAPTER]), adjust=tmp_path / "x.yaml")
    assert expander.faults[0].endswith(f"adjust: {tmp_path / 'x.yaml'} is not a file")
