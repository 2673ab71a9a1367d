"""Which command a command line asks for, and the help that lists them all."""

from __future__ import annotations

import pytest

from sansa_lightning.cli.commands import COMMANDS, RUNS, named, overview


def test_every_command_is_in_the_help_with_a_whole_sentence():
    lines = overview().splitlines()
    assert lines[0] == "usage: sansa_lightning COMMAND [options]"
    groups = ["data describe", "data prepare", "data verify"]
    runs = ["fit", "validate", "test", "predict"]
    assert list(COMMANDS) == [*runs, "annotate", "page", "ablate", "params", "analyze", "report", "publish", *groups]
    for name, command in COMMANDS.items():
        assert f"  {name:<15}{command.says}" in lines
        assert command.says.endswith(".")
        assert command.says.count(".") == 1
    assert max(map(len, lines)) <= 120


def test_the_help_of_a_group_has_its_commands_alone():
    text = overview("data")
    assert "usage: sansa_lightning data COMMAND [options]" in text
    assert all(f"data {name}" in text for name in ("describe", "prepare", "verify"))
    assert "ablate" not in text


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (["fit"], ("fit", [])),
        (["test", "--config", "a.yaml"], ("test", ["--config", "a.yaml"])),
        (["data", "verify", "isic"], ("data verify", ["isic"])),
        (["ablate", "fit"], ("ablate", ["fit"])),
    ],
)
def test_a_command_is_the_first_word_or_two(args, found):
    assert named(args) == found


OTHERS = "annotate, page, ablate, params, analyze, report, publish, data"
KNOWN = f"command: expected one of fit, validate, test, predict, {OTHERS}, but got"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], f"{KNOWN} nothing; see --help"),
        (["fitt"], f"{KNOWN} 'fitt'; did you mean fit?"),
        (["--config", "a.yaml"], f"{KNOWN} '--config'; see --help"),
        (["--config", "a.yaml", "fit"], "options and --config come after the command: fit --config FILE"),
        (["data"], "expected data describe, prepare, verify, followed by its options, but got 'data'"),
        (["data", "fit"], "expected data describe, prepare, verify, followed by its options, but got 'data fit'"),
    ],
)
def test_what_names_no_command_is_one_line(args, message):
    with pytest.raises(ValueError, match=r"expected|options") as caught:
        named(args)
    assert str(caught.value) == message


def test_recipes_are_run_by_lightnings_own():
    assert RUNS == ("fit", "validate", "test", "predict")
