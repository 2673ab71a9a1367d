from __future__ import annotations

import pytest

from fakes.archives import files_in
from fakes.coco import write_coco
from fakes.publishers import publish
from launches import refusal
from sansa_lightning.cli import main
from sansa_lightning.prepare.benchmarks import BENCHMARKS


def run(capsys, *args):
    """Exit status and lines."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(["data", *map(str, args)])
    return left.value.code, capsys.readouterr().out.splitlines()


@pytest.fixture
def small(server, tmp_path, monkeypatch):
    """A function: name -> the small form of a benchmark, which takes the place of the real one."""

    def published(name):
        found = publish(name, server, tmp_path / "truth")
        monkeypatch.setitem(BENCHMARKS, name, found.benchmark)
        return found

    return published


def test_prepare_and_verify(capsys, small, server, tmp_path):
    small("coco20i")
    root = tmp_path / "root"
    status, lines = run(capsys, "prepare", "coco20i", "--root", root)
    assert (status, lines[-1]) == (0, "no faults")
    assert lines[0] == "coco20i: https://cocodataset.org/#download"
    assert run(capsys, "verify", "coco20i", "--root", root) == (0, ["no faults"])
    pictures = sorted((root / "val2014").iterdir())
    for picture in pictures[:5]:
        picture.unlink()
    status, lines = run(capsys, "verify", "coco20i", "--root", root, "--show", 2)
    assert status == 1
    assert lines == [*(f"{picture} is not there" for picture in pictures[:2]), "and 3 more", "5 faults"]
    assert run(capsys, "verify", "coco20i", "--root", root, "--show", 0) == (1, ["and 5 more", "5 faults"])
    assert run(capsys, "prepare", "coco20i", "--root", root, "--remove_archives")[0] == 0
    assert not (root / "archives/val2014.zip").exists()


def test_damage_in_the_middle_needs_deep(capsys, small, tmp_path):
    root = small("coco20i").truth
    path = sorted((root / "val2014").iterdir())[3]
    content = bytearray(path.read_bytes())
    start_of_scan = content.index(b"\xff\xda")
    content[start_of_scan : start_of_scan + 40] = bytes(40)
    path.write_bytes(content)
    assert run(capsys, "verify", "coco20i", "--root", root)[0] == 0
    status, lines = run(capsys, "verify", "coco20i", "--root", root, "--deep")
    assert (status, lines[-1]) == (1, "1 fault")


def test_a_dry_run_does_nothing(capsys, small, server, tmp_path):
    found = small("pascal_part")
    root = tmp_path / "root"
    status, lines = run(capsys, "prepare", "pascal_part", "--root", root, "--dry_run")
    assert status == 0
    assert server.log == []
    assert not root.exists()
    fetched = found.benchmark.steps[0].remote.size
    assert any(line.startswith("fetch   http://127") and f"{fetched / 1000:.1f} kB" in line for line in lines)
    assert "by hand pascal.zip" in lines
    assert lines[-3].startswith("to download by hand: https://drive.google.com/")
    assert str(root / "archives" / "pascal.zip") in lines[-2]


def test_what_is_still_to_be_fetched_by_hand_is_said(capsys, small, tmp_path):
    found = small("lung")
    root = tmp_path / "root"
    status, lines = run(capsys, "prepare", "lung", "--root", root)
    assert status == 1
    assert any(line.startswith("to download by hand: https://www.kaggle.com/") for line in lines)
    found.put_by_hand(root)
    status, lines = run(capsys, "prepare", "lung", "--root", root)
    assert (status, lines[-1]) == (0, "no faults")
    assert not any("by hand" in line for line in lines)


def test_an_interruption_can_be_gone_on_from(capsys, small, server, tmp_path, monkeypatch):
    small("coco20i")

    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("http.client.HTTPResponse.read", interrupted)
        status, lines = run(capsys, "prepare", "coco20i", "--root", tmp_path / "root")
    assert (status, lines[-1]) == (130, "interrupted; run the same command again to continue")
    assert run(capsys, "prepare", "coco20i", "--root", tmp_path / "root")[0] == 0


def test_a_failed_step_is_exit_status_1(capsys, small, server, tmp_path):
    small("coco20i")
    server.files.clear()
    status, lines = run(capsys, "prepare", "coco20i", "--root", tmp_path / "root")
    assert status == 1
    assert sum(line.startswith("failed  http://127") and "404" in line for line in lines) == 3
    assert lines[-1] == "3 steps failed; run the same command again to continue"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "expected data describe, prepare, verify, followed by its options, but got 'data'"),
        (["fetch"], "expected data describe, prepare, verify, followed by its options, but got 'data fetch'"),
        (["verify", "coco", "--root", "x"], "NAME: expected one of coco20i, lvis92i"),
        (["verify", "coco20i"], "data verify: the following arguments are required: --root; see data verify --help"),
        (["prepare", "--root", "x"], "data prepare: the following arguments are required: NAME"),
        (["prepare", "coco20i", "--root", "x", "--dry"], "data prepare: unrecognized arguments: --dry"),
        (
            ["verify", "coco20i", "--root", "x", "--show", "-1"],
            "--show: expected a number, 0 or more, but got",
        ),
        (
            ["verify", "coco20i", "--root", "/nowhere"],
            "--root: /nowhere is not a folder; expected",
        ),
        (["prepare", "coco20i", "--root", __file__], "is a file; expected a folder"),
    ],
)
def test_bad_usage_is_a_line_and_exit_status_2(capsys, args, message):
    assert message in refusal(capsys, "data", *args)


def test_help(capsys):
    for name in ("prepare", "verify"):
        status, lines = run(capsys, name, "--help")
        assert status == 0
        assert any("coco20i" in line for line in lines)
    assert run(capsys, "--help")[0] == 0


def test_what_has_other_names_is_missing_and_stays_as_it_is(capsys, tmp_path):
    root = write_coco(tmp_path / "coco").root
    before = files_in(root)
    status, lines = run(capsys, "verify", "coco20i", "--root", root)
    assert status == 1
    assert any("instances_train2014.json" in line for line in lines)
    assert before.items() <= files_in(root).items()
