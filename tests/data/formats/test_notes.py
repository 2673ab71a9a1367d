"""Counts of what was turned, left out or merged."""

from __future__ import annotations

from sansa_lightning.data.formats.notes import Note, NoteBook, as_counts


def test_counts_by_kind_and_names_the_first() -> None:
    book = NoteBook()
    for number in (4, 7, 9):
        book.add("crowd regions, which are ignored", f"annotation {number}")
    book.add("pictures turned upright by EXIF", "a.jpg")
    crowds, turned = book.notes()
    assert str(crowds) == "3 crowd regions, which are ignored (first: annotation 4)"
    assert (turned.count, turned.first) == (1, "a.jpg")
    assert as_counts(book.notes()) == {"crowd regions, which are ignored": 3, "pictures turned upright by EXIF": 1}


def test_one_case_is_told_in_the_singular() -> None:
    for what, one in (
        ("pictures turned upright by EXIF", "1 picture turned upright by EXIF (first: a)"),
        ("entries of images left out as duplicates", "1 entry of images left out as duplicates (first: a)"),
        ("crowd regions (iscrowd) used as objects", "1 crowd region (iscrowd) used as objects (first: a)"),
        ("classes left out, with too few images", "1 class left out, with too few images (first: a)"),
    ):
        assert str(Note(what, 1, "a")) == one


def test_merges_what_was_counted_elsewhere():
    book, other = NoteBook(), NoteBook()
    book.add("a", "1")
    for where in ("2", "3"):
        other.add("a", where)
    other.add("b", "4")
    book.merge(other.notes())
    assert book.notes() == (Note("a", 3, "1"), Note("b", 1, "4"))
    assert [note.count for note in other.notes()] == [2, 1]
