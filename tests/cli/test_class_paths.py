"""Configurations name classes: looked for before they are imported; only subclasses of what a key wants are built."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable

import pytest
import yaml
from jsonargparse import ArgumentParser
from torch.optim import Optimizer

from launches import call, refusal, result, write_yaml
from sansa_lightning.cli.class_paths import check_before_import, named_classes, wanted, without_advice
from sansa_lightning.cli.config_files import SECTIONS, documents
from sansa_lightning.strategies.base import Strategy

OWN = """
from pathlib import Path
from torch.optim import SGD
from sansa_lightning.strategies.frozen import Frozen
from sansa_lightning.strategies.adaptformer import AdaptFormer

class Momentum(SGD):
    def __init__(self, params, lr: float = 0.1):
        super().__init__(params, lr=lr, momentum=0.9)

class Own(AdaptFormer):
    pass

def optimizer(params) -> SGD:
    Path("was run").touch()
    return SGD(params, 0.1)

def strategy() -> Frozen:
    Path("was run").touch()
    return Frozen()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a module of a user's own, and one that does harm when it is imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "of_mine.py").write_text(OWN)
    (tmp_path / "harmful.py").write_text("from pathlib import Path\nPath('was run').touch()\n")
    yield tmp_path
    for name in ("of_mine", "harmful"):
        sys.modules.pop(name, None)


def named(options, parser):
    return named_classes(documents(options, lambda key: key in SECTIONS or bool(wanted(key, [parser]))), [parser])


KEYS = {
    "model.strategy": "Strategy",
    "model.method": "Method",
    "model.losses": "WeightedSum",
    "model.optimizer": "Optimizer",
    "data.source": "Source",
    "data.protocol": "Protocol",
    "data.prompt": "PromptMaker",
    "trainer.logger": "Logger",
    "trainer.callbacks": "Callback",
    "trainer.strategy": "Strategy",
}
"""Keys that want a class, and which."""

CODE = {
    "os.system": {"command": "touch 'was run'"},
    "subprocess.Popen": {"args": ["touch", "was run"]},
    "builtins.eval": {"source": "open('was run', 'w')"},
    "torch.utils.collect_env.run": {"command": "touch 'was run'"},
    "torch.nn.Identity": {},
    "of_mine.optimizer": {},
    "of_mine.strategy": {},
    "harmful.Nothing": {},
}


def placed(key, value):
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


@pytest.mark.parametrize("key", KEYS)
def test_nothing_but_what_a_key_wants_is_called(key, folder, tiny_yaml, capsys):
    """One path a key and form, since each is a start of the command line; all paths are tried with the optimiser."""
    paths = list(CODE)
    number = list(KEYS).index(key)
    for path in paths if key == "model.optimizer" else (paths[number % len(paths)],):
        spec = {"class_path": path, "init_args": CODE[path]}
        file = write_yaml(folder / "bad.yaml", placed(key, [spec] if key == "trainer.callbacks" else spec))
        line = refusal(capsys, "fit", "--config", tiny_yaml, "--config", file, "--run_dir", "run")
        assert path in line
        assert "allow" not in line
        assert len(line) < 250
        line = refusal(capsys, "fit", "--config", tiny_yaml, "--run_dir", "run", f"--{key}", path)
        assert path in line
        assert not (folder / "was run").exists()


def test_a_nested_class_is_of_its_kind_too(folder, tiny_yaml, capsys):
    for path, words in (
        ("os.system", "'os.system' is in Python's own library, which has no class that a configuration may name"),
        (
            "of_mine.strategy",
            "terms.bad: expected the class that the key wants or a subclass of it, but of_mine.strate",
        ),
        ("torch.nn.Identity", "Import path torch.nn.Identity does not correspond to a subclass of Loss"),
    ):
        terms = {"bad": {"class_path": path, "init_args": CODE[path]}}
        file = write_yaml(folder / "bad.yaml", placed("model.losses.init_args.terms", terms))
        assert words in refusal(capsys, "fit", "--config", tiny_yaml, "--config", file, "--run_dir", "run")
    assert not (folder / "was run").exists()


def test_what_is_wanted_is_said(folder, tiny_yaml, capsys):
    args = ("fit", "--config", tiny_yaml, "--run_dir", "run")
    line = refusal(capsys, *args, "--model.optimizer", "of_mine.optimizer")
    assert line == (
        "model.optimizer: expected Optimizer or a subclass of it, but of_mine.optimizer is a function, which is never "
        "called"
    )
    line = refusal(capsys, *args, "--model.strategy", "torch.optim.AdamW")
    assert line == "model.strategy: expected Strategy or a subclass of it, but torch.optim.AdamW is another class"


def test_ones_own_classes_are_still_taken(folder, tiny_yaml, caplog):
    own = {"class_path": "of_mine.Own", "init_args": {"placement": [3]}}
    file = write_yaml(folder / "own.yaml", {"model": {"strategy": own, "optimizer": "of_mine.Momentum"}})
    call("fit", "--config", tiny_yaml, "--config", file, "--run_dir", "run", "--trainer.max_steps", 1)
    found = result(folder / "run")
    assert found["status"] == "finished"
    assert found["strategy"]["class"] == "Own"
    config = yaml.safe_load((folder / "run" / "config.yaml").read_text())
    assert config["model"]["optimizer"]["class_path"] == "of_mine.Momentum"
    said = [record.getMessage() for record in caplog.records if "is run as code" in record.getMessage()]
    of = f"is run as code of this configuration, from {folder / 'of_mine.py'}"
    assert sorted(said) == [f"config {file}: of_mine.{name} {of}" for name in ("Momentum", "Own")]


@pytest.fixture
def parser():
    parser = ArgumentParser()
    parser.add_argument("--model.strategy", type=Strategy | None, default=None)
    parser.add_argument("--model.optimizer", type=Callable[[Iterable], Optimizer], default=None)
    parser.add_argument("--model.weights", type=str, default=None)
    return parser


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([("--model.strategy", "a.B")], [("model.strategy", "a.B")]),
        ([("--model.strategy", "B")], []),
        ([("--model.weights", "a.pt")], []),
        ([("--model.strategy.class_path", "a.B")], [("model.strategy.class_path", "a.B")]),
        ([("--model", "{optimizer: {class_path: a.B}}")], [("model.optimizer.class_path", "a.B")]),
        ([("--x+", "[{class_path: a.B}, {class_path: c.D}]")], [("x.class_path", "a.B"), ("x.class_path", "c.D")]),
        ([("--x", "{init_args: {deep: {class_path: a.B}}}")], [("x.init_args.deep.class_path", "a.B")]),
        ([("--x", "{a: &a {class_path: a.B}, b: *a}")], [("x.b.class_path", "a.B")]),
        ([("--x", "[1,")], []),
    ],
)
def test_where_classes_are_named(options, expected, parser):
    assert sorted((each.key, each.path) for each in named(options, parser)) == expected


def test_a_file_is_looked_into(tmp_path, parser):
    file = write_yaml(tmp_path / "a.yaml", {"model": {"strategy": "a.B", "weights": "a.B"}})
    (found,) = named([("--config", str(file))], parser)
    assert (found.place, found.key, found.path) == (f"config {file}", "model.strategy", "a.B")
    (found,) = named([("--model", str(write_yaml(tmp_path / "b.yaml", {"strategy": "a.B"})))], parser)
    assert (found.key, found.path) == ("model.strategy", "a.B")


def names(path, parser):
    return named([("--model.strategy", path)], parser)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.B", "model.strategy: there is no module 'nowhere' (class path 'nowhere.B')"),
        ("harmful.B", "model.strategy: there is no 'B' in the module 'harmful' (class path "),
        ("package.B", "there is no 'B' in the module 'package' (class path "),
        ("package.inner.B", "there is no 'B' in the module 'package.inner' (class path "),
        ("package.outer.B", "there is no 'outer' in the module 'package' (class path "),
        ("torch.optim.Adamw", "there is no 'Adamw' in the module 'torch.optim' (class path "),
        ("antigravity.B", "'antigravity.B' is in Python's own library, which has no class that a configuration may n"),
    ],
)
def test_a_path_that_leads_nowhere_imports_nothing(path, message, folder, parser):
    (folder / "package").mkdir()
    for name in ("__init__", "inner"):
        (folder / "package" / f"{name}.py").write_text("from pathlib import Path\nPath('was run').touch()\n")
    with pytest.raises(ValueError, match=r"^model\.strategy: ") as caught:
        check_before_import(names(path, parser))
    assert message in str(caught.value)
    assert not (folder / "was run").exists()
    assert not {"package", "harmful", "nowhere", "antigravity"} & set(sys.modules)


def test_names_that_come_from_elsewhere_are_believed(folder, parser, caplog):
    (folder / "harmful.py").write_text("from of_mine import *\nraise SystemExit\n")
    with caplog.at_level(logging.WARNING):
        check_before_import(names("harmful.Own2", parser))
    assert caplog.messages == [
        f"model.strategy: harmful.Own2 is run as code of this configuration, from {folder / 'harmful.py'}"
    ]


def test_jsonargparses_advice_is_not_passed_on():
    said = (
        "Parser key \"model.x\":\n  Problem with given class_path 'pty.spawn':\n  Importing 'pty.spawn' is not "
        "allowed, denied by the 'pty' entry of the import path denylist. Add the import path to import_path_allowlist"
    )
    assert without_advice(said) == "model.x: 'pty.spawn' may not be named in a configuration"
    assert without_advice("Option 'x' is not accepted") == "Option 'x' is not accepted"
