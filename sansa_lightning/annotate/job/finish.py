"""The end of a job: the process that ends last writes the results from all journals."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from sansa_lightning.annotate.given.targets import Target
from sansa_lightning.annotate.job.index_maps import write_index_maps
from sansa_lightning.annotate.job.journal import Record, discard, finishing
from sansa_lightning.annotate.job.model import Prepared
from sansa_lightning.annotate.job.results import skipped_file, write_results
from sansa_lightning.annotate.job.work import groups_of
from sansa_lightning.files.messages import counted


def finish(asked: Namespace, folder: Path, targets: Sequence[Target], prepared: Prepared) -> None:
    """Write all results and remove the journals, if all groups are done; otherwise say what is missing.

    Of shards that end together one does so, and the others wait for it.
    """
    groups = groups_of(targets, asked.targets_per_step)
    with finishing(folder, len(groups)) as record:
        shard = f"shard {asked.shard.number}/{asked.shard.of} is done"
        if record is None:
            print(f"{shard}; another one has written the results")
        elif record.missing:
            missing = sum(len(groups[group]) for group in record.missing)
            print(f"{shard}; {counted(missing, 'picture')} of other shards to do")
        else:
            _write(asked, record, targets, prepared)
            discard(folder)


def _write(asked: Namespace, record: Record, targets: Sequence[Target], prepared: Prepared) -> None:
    counts = write_results(asked.out, record, prepared.categories)
    says = f"{asked.out}: {counted(counts.images, 'picture')}, {counted(counts.objects, 'object')}"
    if counts.skipped:
        says += f"; {counted(counts.skipped, 'picture')} could not be read, see {skipped_file(asked.out)}"
    if asked.masks:
        write_index_maps(asked.masks, record)
        says += f"; index maps in {asked.masks}"
    if asked.yolo:
        from sansa_lightning.annotate.job.yolo import write_yolo

        write_yolo(asked.yolo, record, list(prepared.categories))
        says += f"; YOLO's files in {asked.yolo}"
    if asked.preview:
        from sansa_lightning.annotate.job.preview import write_preview

        write_preview(asked.preview, record, targets, list(prepared.categories), asked.exif, asked.preview_pictures)
        says += f"; look at {asked.preview}"
    print(says)
