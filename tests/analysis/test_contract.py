"""Findings: written whole, read back, never over something else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from sansa_lightning.analysis import contract
from sansa_lightning.analysis.contract import Findings, check_folder, check_installed

FOUND = Findings({"a": {"frozen": 0.5, "adapted": None}}, {"one": Image.new("RGB", (3, 2), "red")}, {"analysis": "x"})


def test_what_is_written_is_read(tmp_path):
    FOUND.write(tmp_path / "deep" / "out")
    found = Findings.read(tmp_path / "deep" / "out")
    assert (found.numbers, found.about) == (FOUND.numbers, FOUND.about)
    assert np.array_equal(np.asarray(found.figures["one"]), np.asarray(FOUND.figures["one"]))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


def test_earlier_findings_are_replaced_and_nothing_else_is(tmp_path):
    FOUND.write(tmp_path / "out")
    Findings({"b": 1}).write(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["findings.json"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(ValueError, match="mine holds something else"):
        FOUND.write(tmp_path / "mine")
    check_folder(tmp_path / "new")


def test_what_others_put_beside_earlier_findings_is_kept(tmp_path):
    out = tmp_path / "out"
    FOUND.write(out)
    for name in ("new.png", "thesis.tex"):
        (out / name).touch()
    with pytest.raises(ValueError, match=r"out holds something else: new\.png"):
        FOUND.write(out)
    assert sorted(path.name for path in out.iterdir()) == ["findings.json", "new.png", "one.png", "thesis.tex"]
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "findings.json").write_text('{"findings": "of somebody else"}')
    with pytest.raises(ValueError, match=r"site holds something else: findings\.json"):
        check_folder(tmp_path / "site")


def test_a_failure_leaves_nothing_new(tmp_path):
    FOUND.write(tmp_path / "out")
    with pytest.raises(ValueError, match="JSON"):
        Findings({"a": math.nan}).write(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert Findings.read(tmp_path / "out").numbers == FOUND.numbers


def test_something_else_is_no_findings(tmp_path):
    (tmp_path / "findings.json").write_text('{"numbers": {}}')
    with pytest.raises(ValueError, match=r"expected the findings of an analysis"):
        Findings.read(tmp_path)


def test_what_is_not_installed_is_one_line_with_the_extra(monkeypatch):
    check_installed()
    monkeypatch.setattr(contract, "NEEDED", {"no_such_module": "no-such-package"})
    with pytest.raises(ValueError, match=r"^analyze needs no-such-package: pip install 'sansa_lightning\[analysis\]'$"):
        check_installed()
