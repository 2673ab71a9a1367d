from __future__ import annotations

from dataclasses import replace

import pytest

from sansa_lightning.prepare.benchmark import Archive, Content, File, Made, Remote, renamed
from sansa_lightning.prepare.plan import State, check_room, task_of
from sansa_lightning.prepare.record import write_record

REMOTE = Remote("https://example.org/x.zip", 1000)
ARCHIVE = Archive("x.zip", (Content("pictures/*.jpg", 2),), 5000, renamed(r"(.*)", r"\1"), REMOTE)


def fill(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"12345")


def state(step, root):
    task = task_of(step, root)
    return task.state, task.fetch, task.write


def test_an_archive_with_a_record(tmp_path):
    assert state(ARCHIVE, tmp_path) == (State.FETCH, 1000, 5000)
    fill(tmp_path, "archives/x.zip.partial")
    assert state(ARCHIVE, tmp_path) == (State.FETCH, 995, 5000)
    fill(tmp_path, "archives/x.zip")
    assert state(ARCHIVE, tmp_path) == (State.UNPACK, 0, 5000)
    fill(tmp_path, "pictures/1.jpg", "pictures/2.jpg", "pictures/3.jpg")
    write_record(tmp_path / "archives/x.zip", {f"pictures/{number}.jpg": 5 for number in (1, 2, 3)})
    assert state(ARCHIVE, tmp_path) == (State.THERE, 0, 0)
    (tmp_path / "pictures/3.jpg").write_bytes(b"1")  # two would do for one who put them there, but the record knows
    assert state(ARCHIVE, tmp_path) == (State.UNPACK, 0, 5000)
    assert "1 of 3 files are missing or have another size, such as pictures/3.jpg" in str(task_of(ARCHIVE, tmp_path))


def test_an_archive_without_a_record(tmp_path):
    fill(tmp_path, "pictures/1.jpg", "pictures/.2.jpg.partial", "pictures/.3.jpg")
    assert state(ARCHIVE, tmp_path)[0] is State.FETCH
    assert state(replace(ARCHIVE, remote=None, page="https://example.org"), tmp_path) == (State.BY_HAND, 0, 0)
    fill(tmp_path, "pictures/2.jpg")
    assert state(ARCHIVE, tmp_path) == (State.THERE, 0, 0)


def test_an_archive_that_something_else_makes_unnecessary(tmp_path):
    step = replace(ARCHIVE, superseded_by=(Content("made/*.png", 1),))
    assert state(step, tmp_path)[0] is State.FETCH
    fill(tmp_path, "made/1.png")
    assert state(step, tmp_path) == (State.THERE, 0, 0)


def test_files_and_what_is_made(tmp_path):
    file = File(REMOTE, "lists/x.txt")
    assert state(file, tmp_path) == (State.FETCH, 1000, 0)
    fill(tmp_path, "lists/x.txt")
    assert state(file, tmp_path) == (State.THERE, 0, 0)
    made = Made("masks", (Content("made/*.png", 1),), 70, lambda root: None)
    assert state(made, tmp_path) == (State.MAKE, 0, 70)
    fill(tmp_path, "made/1.png")
    assert state(made, tmp_path) == (State.THERE, 0, 0)


@pytest.mark.parametrize(("remove", "needed"), [(False, 2 * 1000 + 2 * 5000), (True, 1000 + 2 * 5000)])
def test_room_on_the_disk(tmp_path, monkeypatch, remove, needed):
    tasks = [task_of(replace(ARCHIVE, file=name), tmp_path) for name in ("x.zip", "y.zip")]
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": needed}))
    check_room(tasks, tmp_path / "not" / "yet", remove)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": needed - 1}))
    with pytest.raises(ValueError, match=r"--root .*yet: expected room for 1\d.0 kB, but the disk has"):
        check_room(tasks, tmp_path / "not" / "yet", remove)
