"""The parsers of fit, validate, test and predict, and what is read with them."""

from __future__ import annotations

import pytest

from sansa_lightning.cli.grammar import Grammar
from sansa_lightning.cli.recipes import RECIPES
from sansa_lightning.runs.failures import DEBUG_VARIABLE


@pytest.fixture(scope="module")
def grammars() -> dict[str, Grammar]:
    """Both recipes at once, the tracker's made last."""
    return {name: Grammar(RECIPES[name], ["test"]) for name in ("few_shot", "tracker")}


def test_only_what_is_needed_has_a_parser(grammars):
    assert [grammar.subcommands().keys() for grammar in grammars.values()] == [{"test"}, {"test"}]
    assert all(len(grammar.subparsers) == 1 for grammar in grammars.values())
    assert set(Grammar(RECIPES["tracker"]).subcommands()) == {"fit", "validate", "test", "predict"}


def test_two_grammars_know_nothing_of_each_other(grammars):
    found = {name: grammar.read(["test", "--trainer.max_steps", "3"])["test"] for name, grammar in grammars.items()}
    assert found["few_shot"].model.strategy.class_path == "sansa_lightning.strategies.adaptformer.AdaptFormer"
    assert "strategy" not in found["tracker"].model
    assert {each.trainer.max_steps for each in found.values()} == {3}
    with pytest.raises(ValueError, match=r"did you mean data\.shots\?$"):
        grammars["few_shot"].read(["test", "--data.shot", "1"])
    with pytest.raises(ValueError, match=r"data\.tile.*did you mean data\.tiles\?$"):
        grammars["tracker"].read(["test", "--data.tile", "1"])


def test_a_parser_can_be_used_again_after_an_error(grammars):
    with pytest.raises(ValueError, match=r"^data\.shots: expected int, but got x$"):
        grammars["few_shot"].read(["test", "--data.shots", "x"])
    assert grammars["few_shot"].read(["test", "--data.shots", "2"])["test"].data.shots == 2


def test_with_debug_it_is_the_parsers_own_first_error(grammars, monkeypatch):
    monkeypatch.setenv(DEBUG_VARIABLE, "1")
    with pytest.raises(TypeError, match="Expected a <class 'int'>"):
        grammars["few_shot"].read(["test", "--data.shots", "x"])


BROKEN = {
    "import": (
        "import math\nimport nowhere_at_all\n",
        "line 2): ModuleNotFoundError: No module named 'nowhere_at_all'",
    ),
    "name": ("from torch.optim import Adamm\n", "line 1): ImportError: cannot import name 'Adamm' from 'torch.optim'"),
    "syntax": ("x = (\n", "SyntaxError: '(' was never closed (broken_syntax.py, line 1)"),
    "error": ("ROOT = {}['root']\n", "line 1): KeyError: 'root'"),
}
"""What stands in a module before its class, and the end of the line that says so."""


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("key", ["model.strategy", "data.source", "model.optimizer"])
def test_a_module_that_cannot_be_imported_is_told_as_that(case, key, grammars, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    code, words = BROKEN[case]
    module = tmp_path / f"broken_{case}.py"
    module.write_text(f"{code}class Own:\n    pass\n")
    with pytest.raises(ValueError, match="cannot be imported") as caught:
        grammars["few_shot"].read(["test", f"--{key}", f"{module.stem}.Own"])
    line = str(caught.value)
    assert line.startswith(f"{key}: {module.stem}.Own: the module {module.stem!r} cannot be imported")
    assert words in line
    assert "null" not in line


def test_so_is_one_within_another_class(grammars, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_within.py").write_text("import nowhere_at_all\nclass Own:\n    pass\n")
    terms = '{"a": {"class_path": "broken_within.Own"}}'
    with pytest.raises(
        ValueError, match=r"broken_within\.Own: the module 'broken_within' cannot be imported \(.*line 1\)"
    ):
        grammars["few_shot"].read(["test", "--model.losses.init_args.terms", terms])
