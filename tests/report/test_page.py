"""The page in a browser, and the LaTeX in a LaTeX, where there are some."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from browser import CHROMIUM, look_at
from fakes.run_folders import NANO, write_run, write_targets
from sansa_lightning.report.command import report

WIDTH = "document.documentElement.scrollWidth"
GROUND = "getComputedStyle(document.body).backgroundColor"
DRAWN = "Promise.all([...document.images].map(i => i.decode())).then(() => document.images.length)"
ALTS = "[...document.images].filter(i => i.alt.length < 20).length"
SORTED = """
(() => {
  const table = document.getElementById("table-miniature1").nextElementSibling.querySelector("table");
  const heads = [...table.tHead.rows[0].cells], place = heads.findIndex(h => h.textContent === "mIoU");
  const column = n => [...table.tBodies[0].rows].map(row => row.cells[n].textContent);
  const found = [];
  for (const n of [place, place, 0, 0]) {
    heads[n].querySelector("button").click();
    found.push([heads[n].getAttribute("aria-sort"), column(n)]);
  }
  return found;
})()
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    for fold in range(4):
        write_run(runs / f"paper{fold}", 0.6, fold=fold)
    for number, rank in enumerate((9, 10, 100)):
        strategy = {"class": "LoRA", "settings": {}}
        changes = NANO | {"data.train_targets": rank}
        folder = write_run(runs / f"lora{rank}", 0.2 + 0.3 * (number % 2), changes=changes, strategy=strategy)
        write_targets(folder, [(0, 1 + number, 9), (0, 2, 9), (4, 3, 9)])
    write_run(runs / "half_50%_&_more", status="running")
    out = tmp_path_factory.mktemp("out") / "report"
    report([str(runs), "--out", str(out), "--compare", str(runs / "lora9"), str(runs / "lora10")])
    return out


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
@pytest.mark.parametrize(("width", "dark"), [(400, False), (1400, True)])
def test_the_page_opens_without_errors_or_requests_and_sorts(width, dark, written):
    seen = look_at(written / "index.html", width, [WIDTH, GROUND, DRAWN, ALTS, SORTED], dark=dark)
    assert seen.said == []
    assert seen.asked == []
    wide, ground, drawn, silent, (down, up, words, back) = seen.answers
    assert wide == width  # tables scroll in themselves
    assert ground == ("rgb(23, 24, 26)" if dark else "rgb(255, 255, 255)")
    assert drawn >= 4
    assert silent == 0
    assert down == ["descending", ["50.0", "20.0", "20.0"]]
    assert up == ["ascending", ["20.0", "20.0", "50.0"]]
    assert words[0] == "ascending"
    assert [each.rpartition(" ")[2] for each in words[1]] == ["9)", "10)", "100)"]  # as numbers
    assert back == ["descending", words[1][::-1]]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
def test_the_browser_of_these_tests_hears_errors_and_requests(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text('<img src="http://127.0.0.1:9/a.png"><script>throw Error("loud")</script>')
    seen = look_at(page, 400, [])
    assert "http://127.0.0.1:9/a.png" in seen.asked
    assert any("loud" in said for said in seen.said)


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="needs pdflatex: apt-get install texlive-latex-recommended"
)
def test_the_latex_compiles(written, tmp_path):
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"-output-directory={tmp_path}", "report.tex"]
    done = subprocess.run(command, cwd=written, capture_output=True, text=True, errors="replace", timeout=240)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "report.pdf").stat().st_size > 10_000
