"""The example of docs/annotate.md, with fewer pictures."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from fakes.photos import run

PAGE = Path(__file__).parents[3] / "docs" / "annotate.md"


@pytest.mark.slow
def test_the_example_runs_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PAGE.read_text(encoding="utf-8").partition("## An example")[2]
    code = re.search(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[1]
    command = re.search(r"^python -m sansa_lightning (annotate .*?)^```", text, re.DOTALL | re.MULTILINE)[1]
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("keys[:12]", "keys[:4]"), str(PAGE), "exec"), {})  # noqa: S102
    run(*shlex.split(command.replace("\\\n", " ")))
    found = json.loads((tmp_path / "example/a.json").read_text())
    assert len(found["categories"]) == 8
    assert len(found["images"]) == 16
    assert (tmp_path / "example/page.html").read_text().count("<img") == 16
