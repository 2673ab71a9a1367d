"""What a job leaves out of what it was given, told on stderr: a line for each kind."""

from __future__ import annotations

import sys

from sansa_lightning.data.formats.notes import NoteBook
from sansa_lightning.files.messages import plain


def tell(book: NoteBook) -> None:
    """Write the counts, with the first case of each."""
    for note in book.notes():
        sys.stderr.write(f"annotate: {plain(str(note), 400)}\n")
