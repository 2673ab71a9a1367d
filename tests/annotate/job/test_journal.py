"""The end of a job that several processes do."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sansa_lightning.annotate.job.journal import Journal, Record, discard, finishing


def begun(folder: Path, *groups: int) -> Path:
    with Journal(folder, "all", {"size": 1}) as journal:
        for group in groups:
            journal.append({"group": group, "images": []})
    return folder


def test_one_of_two_processes_that_end_together_finds_the_record(tmp_path):
    folder = begun(tmp_path / "a.journal", 1, 0)
    found = []

    def other() -> None:
        with finishing(folder, 2) as record:
            found.append(record)

    with finishing(folder, 2) as record:
        assert [line["group"] for line in record.lines()] == [0, 1]
        second = threading.Thread(target=other)
        second.start()
        second.join(0.3)
        assert second.is_alive()  # it waits
        discard(folder)
    second.join(20)
    assert found == [None]
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_fails_leaves_the_end_to_the_next(tmp_path):
    folder = begun(tmp_path / "a.journal", 0)
    with pytest.raises(OSError, match="full"), finishing(folder, 1):
        raise OSError("full")
    with finishing(folder, 1) as record:
        assert record.missing == []


def test_a_record_is_never_empty_by_mistake(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.journal is not there: another process has finished this job"):
        Record(tmp_path / "a.journal", 2)
    record = Record(begun(tmp_path / "a.journal", 1), 3)
    assert record.missing == [0, 2]
    with pytest.raises(ValueError, match=r"a\.journal: expected all groups of the job, but 2 are missing$"):
        next(record.lines())
