"""The command line of ``analyze``, read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sansa_lightning.analysis.kinds.names import KINDS
from sansa_lightning.cli.analyze.options import read_options


def test_options_go_to_the_analysis_and_to_the_configuration():
    asked = read_options(
        ["pca", "--config", "a.yaml", "-c", "b.yaml", "--analysis.images", "3", "--data.size=64", "--ckpt", "r"]
    )
    assert (asked.name, asked.config, asked.ckpt) == ("pca", (Path("a.yaml"), Path("b.yaml")), Path("r"))
    assert (asked.own, asked.settings) == ({"images": "3"}, {"data.size": "64"})
    assert (asked.out, asked.device) == (Path("analyses/pca"), None)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], r"analyze: expected one of .*, but got nothing; see --help"),
        (["pc"], r"did you mean pca\?"),
        (["pca", "--recipe", "tracker"], "recipe: expected few_shot"),
        (["pca", "stray"], "expected options as --data.key value"),
    ],
)
def test_what_is_wrong_is_said(args, message):
    with pytest.raises(ValueError, match=message):
        read_options(args)


def test_the_help_lists_every_analysis(capsys):
    with pytest.raises(SystemExit):
        read_options(["--help"])
    text = capsys.readouterr().out
    assert all(f"  {name} " in text and kind.says in text for name, kind in KINDS.items())
