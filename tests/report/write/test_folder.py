"""The files of a report, read again by other means than they were written."""

from __future__ import annotations

import csv
import re
import sys
from html.parser import HTMLParser

import pytest

from fakes.run_folders import NANO, write_run, write_targets
from sansa_lightning.report.command import report
from sansa_lightning.report.tables.model import Column, Table
from sansa_lightning.report.write.folder import csv_text, latex, latex_columns, markdown

ODD = "50% of a_b & {c} | <i>#1</i> ~ ^ \\ $ 猫 ±"
"""Characters that mean something in one of the formats."""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A report of all kinds of runs."""
    runs = tmp_path_factory.mktemp("runs")
    for fold in range(4):
        write_run(runs / f"paper{fold}", 0.6 + 0.01 * fold, fold=fold)
        write_run(runs / f"j1_{fold}", 0.5 + 0.01 * fold, fold=fold, changes={"data.train_targets": 1})
    for name in ("nano", ODD.replace("/", "")):
        write_targets(write_run(runs / name, 0.4, changes=NANO), [(0, 1, 2), (0, 2, 3), (4, 1, 1)])
    write_run(runs / "broken", status="failed", error=f"ValueError: {ODD}")
    out = tmp_path_factory.mktemp("out") / "report"
    assert (
        report([str(runs), "--out", str(out), "--compare", *[str(runs / n) for n in ("nano", ODD.replace("/", ""))]])
        == 0
    )
    return out


def test_csv_reloads_to_the_same_numbers():
    columns = [Column("row", "row", "text"), Column("miou", "mIoU"), Column("runs", "runs", "count")]
    rows = [{"row": ODD, "miou": 100 / 3, "runs": 2}, {"row": 'a,"b"\nc', "miou": 0.1 + 0.2}, {"row": "", "miou": None}]
    text = csv_text(Table(name="t", title="T", columns=columns, rows=rows))
    found = list(csv.DictReader(text.splitlines(keepends=True)))
    assert [row["row"] for row in found] == [ODD, 'a,"b"\nc', ""]
    assert [float(row["miou"]) if row["miou"] else None for row in found] == [100 / 3, 0.1 + 0.2, None]
    assert [row["runs"] for row in found] == ["2", "", ""]


def test_the_table_of_a_paper_is_in_its_csv(written):
    with (written / "tables" / "table9.csv").open() as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    assert float(rows["J = 3"]["miou"]) == pytest.approx(61.5)
    assert float(rows["J = 3"]["difference"]) == pytest.approx(61.5 - 60.2)
    assert float(rows["J = 1"]["miou"]) == pytest.approx(51.5)
    assert rows["J = 7"] | {"miou": "", "paper": "60.0"} == rows["J = 7"]


class Page(HTMLParser):
    """Collects what a page refers to, the texts of its pictures, and elements that are left open."""

    def __init__(self) -> None:
        super().__init__()
        self.places, self.alts, self.open, self.ids = [], [], [], []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.places += [value for key, value in attrs if key in ("src", "href", "srcset", "data", "action")]
        self.ids += [named["id"]] if "id" in named else []
        if tag == "img":
            self.alts.append(named.get("alt"))
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_for_nothing(written):
    text = (written / "index.html").read_text()
    page = Page()
    page.feed(text)
    assert not page.open
    assert all(place.startswith(("data:", "#")) for place in page.places)
    assert {place[1:] for place in page.places if place[0] == "#"} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert page.alts
    assert all(len(alt) > 20 for alt in page.alts)
    assert not re.search(r"https?:|@import|url\(", text)
    assert "default-src 'none'" in text
    assert "<i>#1" not in text
    assert "&lt;i&gt;#1" in text


def test_figures_are_of_what_was_run(written):
    assert {path.stem for path in (written / "figures").glob("*.svg")} == {
        *("figure5", "j_table9", "speed_miniature1", "compared", "bars_classes1", "bars_classes2"),
    }
    text = (written / "figures" / "j_table9.svg").read_text()
    assert "J, targets of a training clip" in text
    assert "#010203" not in text
    assert "<script" not in text


def test_latex_has_as_many_cells_in_each_row_and_closes_what_it_opens(written):
    text = (written / "report.tex").read_text()
    opened, closed = (re.findall(rf"\\{word}{{(\w+)}}", text) for word in ("begin", "end"))
    assert sorted(opened) == sorted(closed)
    plain = re.sub(r"\\[\\{}&%$#_]", "", re.sub(r"\\\\$", "", text, flags=re.MULTILINE))
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    tables = re.findall(r"\\begin{longtable}{([^\n]*)}\n(.*?)\\end{longtable}", text, re.DOTALL)
    assert len(tables) > 8
    for columns, body in tables:
        width = len(re.sub(r"p{.*?}", "p", columns))
        lines = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {width - 1}
    assert text.isascii() or all(ord(each) < 256 for each in text)


def test_markdown_has_as_many_cells_in_each_row(written):
    lines = (written / "report.md").read_text().splitlines()
    widths = []
    for before, line in zip(["", *lines], lines, strict=False):
        if line.startswith("|"):
            width = len(re.findall(r"(?<!\\)\|", line))
            assert not before.startswith("|") or width == widths[-1]
            widths.append(width)
    assert len(widths) > 40


def test_names_of_runs_and_classes_are_no_markup_anywhere(tmp_path):
    name = "<script>alert(1)<script>dots|a$b_{$d"
    classes = [{"name": f"{name}{i}", "class_id": i, "iou": 0.5, "targets": 2} for i in range(2)]
    scores = {"test": {"miou": 0.5, "classes": classes}}
    one = write_run(tmp_path / f"x{name}", changes=NANO, metrics=scores)
    write_run(tmp_path / f"y{name}", status="failed", error=f"ValueError: {name}")
    report([str(tmp_path), "--out", str(tmp_path / "report"), "--title", name])
    text = (tmp_path / "report" / "report.md").read_text()
    assert one.name in (tmp_path / "report" / "tables" / "provenance.csv").read_text()
    assert text.count("&lt;script&gt;alert(1)&lt;script&gt;dots\\|a\\$b\\_{\\$d") > 6
    assert not re.search(r"<|(?<!\\)\$", text)
    assert "<script" not in (tmp_path / "report" / "report.tex").read_text()
    assert "<script>alert" not in (tmp_path / "report" / "index.html").read_text()


def test_names_that_are_no_unicode_end_no_report(tmp_path):
    write_run(tmp_path / "run\udcff", changes=NANO)
    write_run(tmp_path / "odd", changes=NANO, base={"name": "nano\ud800"})
    report([str(tmp_path), "--out", str(tmp_path / "report")])
    text = (tmp_path / "report" / "report.md").read_text()
    assert "run? |" in text
    assert "odd (fit) | result.json is not as this project writes it: a text in it has half of a character |" in text
    assert "run?," in (tmp_path / "report" / "tables" / "provenance.csv").read_text()


def test_special_characters_are_escaped():
    assert latex("50% & a_b <x> ± 猫") == r"50\% \& a\_\allowbreak{}b \textless{}x\textgreater{} $\pm$ ?"
    assert (
        latex("[a]* \x7f\x85") == "{[}a{]}{*}   "
    )  # a row that begins with [ would be an option of the last one's end
    assert markdown("a|b\nc") == r"a\|b c"
    assert markdown(r"<img src=q> [a](b) `c` *d* _e_ $f$ ~g~ \| &lt;") == (
        r"&lt;img src=q&gt; \[a\](b) \`c\` \*d\* \_e\_ \$f\$ \~g\~ \\\| &amp;lt;"
    )
    rows = [{"a": "x" * 40, "b": 1}]
    table = Table(name="t", title="T", columns=[Column("a", "a", "text"), Column("b", "b", "count")], rows=rows)
    assert latex_columns(table) == "p{6cm}r"


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (Column("a", "a"), 12.345, "12.3"),
        (Column("a", "a", "signed"), 0.04, "+0.0"),
        (Column("a", "a", "signed"), -0.04, "+0.0"),
        (Column("a", "a", "signed"), -1.25, "-1.2"),
        (Column("a", "a", "count"), 1234567, "1,234,567"),
        (Column("a", "a"), None, "n/a"),
        (Column("a", "a", "text"), None, ""),
    ],
)
def test_values_read_as_their_columns_say(column, value, text):
    assert column.text(value) == text


def test_an_earlier_report_is_replaced_and_nothing_else(written, tmp_path):
    out = tmp_path / "report"
    one = write_run(tmp_path / "one", changes=NANO)
    report([str(one), "--out", str(out)])
    (out / "tables" / "stale.csv").write_text("old")
    report([str(one), "--out", str(out)])
    assert not (out / "tables" / "stale.csv").exists()
    with pytest.raises(ValueError, match="holds other files than a report; choose a new folder"):
        report([str(one), "--out", str(tmp_path)])
    with pytest.raises(ValueError, match="is a file; choose a folder"):
        report([str(one), "--out", str(one / "result.json")])
    with pytest.raises(ValueError, match="expected run folders, or --compare with two of them"):
        report(["--out", str(out)])


@pytest.mark.parametrize("place", ["", "report", "checkpoints/deep/report"])
def test_a_report_is_never_written_into_a_run(place, tmp_path):
    one = write_run(tmp_path / "one", changes=NANO)
    with pytest.raises(ValueError, match=r"--out: .* is in the folder of a run, .*one; choose a folder elsewhere"):
        report([str(one), "--out", str(one / place)])
    assert [path.name for path in one.rglob("*")] == ["result.json"]


def test_a_missing_library_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ValueError, match=r"report needs matplotlib: pip install 'sansa_lightning\[report\]'"):
        report([str(tmp_path), "--out", str(tmp_path / "out")])
