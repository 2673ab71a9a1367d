from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonargparse import Namespace
from lightning.pytorch.loggers import CSVLogger, WandbLogger

from sansa_lightning.runs.loggers import attempt_folder, loggers_of_run, placed, stored_run_id


def said(**arguments: object) -> Namespace:
    """What the parser says of a logger: all of its arguments, those of ``wandb.init`` with them."""
    named = {"save_dir": ".", "dir": None, "id": None, "version": None, "offline": True, "resume": None, **arguments}
    return Namespace(class_path="lightning.pytorch.loggers.WandbLogger", init_args=Namespace(**named))


def made(given: Namespace, folder: Path, run_id: str | None = None) -> WandbLogger:
    (logger,) = placed(WandbLogger(**vars(given.init_args)), given, folder, run_id)
    assert isinstance(logger, WandbLogger)
    return logger


@pytest.mark.parametrize("arguments", [{}, {"save_dir": None}])
def test_a_run_writes_to_its_folder(arguments, tmp_path):
    folder = tmp_path / "run"
    given = said(**arguments)
    before = given.clone()
    logger = made(given, folder)
    assert logger.save_dir == str(folder)
    assert folder.is_dir()
    assert logger.version is None
    assert given == before  # the configuration can be fed to another run


@pytest.mark.parametrize("arguments", [{"save_dir": "there"}, {"dir": "there"}, {"save_dir": None, "dir": "there"}])
def test_a_folder_that_was_asked_for_is_kept(arguments, tmp_path):
    assert made(said(**arguments), tmp_path / "run").save_dir == "there"


def test_a_run_that_goes_on_has_its_id_unless_another_was_asked_for(tmp_path):
    assert made(said(), tmp_path, "stored").version == "stored"
    assert made(said(id="mine"), tmp_path, "stored").version == "mine"
    assert made(said(version="mine"), tmp_path, "stored").version == "mine"


def test_what_the_parser_leaves_open_stays_as_lightning_has_it(tmp_path):
    assert made(said(), tmp_path)._wandb_init["resume"] == "allow"
    assert made(said(resume="must"), tmp_path)._wandb_init["resume"] == "must"


def test_arguments_that_the_parser_did_not_know_are_kept(tmp_path):
    given = said()
    given.dict_kwargs = {"group": "table3"}
    assert made(given, tmp_path)._wandb_init["group"] == "table3"


def test_other_loggers_and_lists_of_them_are_left_alone(tmp_path):
    assert [placed(none, None, tmp_path, None) for none in (None, True, False)] == [[], [], []]
    own = CSVLogger(tmp_path)
    assert placed(own, Namespace(), tmp_path, None) == [own]
    given = [Namespace(), said()]
    first, second = placed([own, WandbLogger(offline=True)], given, tmp_path / "run", None)
    assert first is own
    assert second.save_dir == str(tmp_path / "run")


def test_the_id_is_that_of_the_result(tmp_path):
    assert stored_run_id(tmp_path) is None
    for content, expected in (({}, None), ({"wandb": {"id": "abc", "project": "p"}}, "abc")):
        (tmp_path / "result.json").write_text(json.dumps(content))
        assert stored_run_id(tmp_path) == expected


def test_attempts_are_counted(tmp_path):
    assert attempt_folder(tmp_path, "fit").name == "fit-1"
    for name in ("fit-1", "fit-2", "test-1"):
        (tmp_path / name).mkdir()
    assert [attempt_folder(tmp_path, name).name for name in ("fit", "test", "predict")] == [
        "fit-3",
        "test-2",
        "predict-1",
    ]


def test_a_run_keeps_its_metrics_unless_its_loggers_do(tmp_path):
    (own,) = loggers_of_run(None, None, tmp_path, "fit", goes_on=False)
    assert isinstance(own, CSVLogger)
    assert Path(own.log_dir) == tmp_path / "metrics" / "fit-1"
    assert loggers_of_run(False, False, tmp_path, "fit", goes_on=False) == []
    chosen = CSVLogger(tmp_path)
    assert loggers_of_run(chosen, Namespace(), tmp_path, "fit", goes_on=False) == [chosen]
    given = said()
    both = loggers_of_run(WandbLogger(offline=True), given, tmp_path, "fit", goes_on=False)
    assert [type(logger) for logger in both] == [WandbLogger, CSVLogger]


def test_only_a_run_that_goes_on_asks_for_the_id(tmp_path):
    (tmp_path / "result.json").write_text('{"wandb": {"id": "stored"}}')
    for goes_on, expected in ((True, "stored"), (False, None)):
        first, _ = loggers_of_run(WandbLogger(offline=True), said(), tmp_path, "fit", goes_on)
        assert first.version == expected
