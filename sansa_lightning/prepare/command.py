"""``data prepare`` and ``data verify``: their arguments, output and exit status."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from sansa_lightning.files.messages import counted
from sansa_lightning.prepare.benchmark import Archive, Benchmark
from sansa_lightning.prepare.benchmarks import BENCHMARKS, benchmark_named
from sansa_lightning.prepare.plan import State, archive_path, check_room, plan
from sansa_lightning.prepare.prepare import Preparation
from sansa_lightning.prepare.progress import bytes_text


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are a ValueError of one line."""

    def error(self, message: str) -> NoReturn:
        msg = f"{self.prog}: {message}; see {self.prog} --help"
        raise ValueError(msg)


def prepare(args: Sequence[str]) -> int:
    """``data prepare NAME --root DIR``.

    Returns:
        0 if the data are complete and right, 130 if it was interrupted, else 1.

    Raises:
        ValueError: bad arguments, or too little room on the disk.
    """
    parser = _parser("prepare", "Fetch, unpack and check a benchmark's data; run again to continue where it stopped.")
    parser.add_argument("--dry_run", action="store_true", help="show the steps, with sizes, and do nothing")
    parser.add_argument(
        "--remove_archives", action="store_true", help="remove each fetched archive once it is unpacked"
    )
    given = parser.parse_args(args)
    benchmark, root = benchmark_named(given.name), Path(given.root)
    _not_a_file(root)
    print(f"{benchmark.name}: {benchmark.page}\nterms: {benchmark.terms}")
    if given.dry_run:
        return _show_plan(benchmark, root, given.remove_archives)
    preparation = Preparation(benchmark, root, given.remove_archives)
    try:
        preparation.run()
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue")
        return 130
    _show_by_hand(preparation.by_hand, root)
    wrong = _show_faults(_faults(benchmark, root), given.show)
    if preparation.failed:
        print(f"{counted(len(preparation.failed), 'step')} failed; run the same command again to continue")
    return 1 if wrong or preparation.failed else 0


def verify(args: Sequence[str]) -> int:
    """``data verify NAME --root DIR``.

    Returns:
        0 if the data are complete and right, else 1.

    Raises:
        ValueError: bad arguments.
        FileNotFoundError: the root is not a folder.
    """
    parser = _parser("verify", "List what is missing, broken or truncated in a benchmark's data.")
    parser.add_argument("--deep", action="store_true", help="decode each picture instead of looking at header and end")
    given = parser.parse_args(args)
    benchmark, root = benchmark_named(given.name), Path(given.root)
    _not_a_file(root)
    if not root.is_dir():
        msg = f"--root: {root} is not a folder; expected the one with the data of {benchmark.name}"
        raise FileNotFoundError(msg)
    return 1 if _show_faults(_faults(benchmark, root, given.deep), given.show) else 0


def _parser(name: str, what: str) -> argparse.ArgumentParser:
    parser = _Parser(prog=f"data {name}", description=what, allow_abbrev=False)
    parser.add_argument("name", metavar="NAME", help=f"the benchmark: {', '.join(BENCHMARKS)}")
    parser.add_argument(
        "--root", required=True, metavar="DIR", help="the folder of its data, as in its experiment file"
    )
    parser.add_argument("--show", type=_count, default=20, metavar="N", help="faults to print; others are counted")
    return parser


def _count(text: str) -> int:
    if not text.isdigit():
        msg = f"expected a number, 0 or more, but got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _not_a_file(root: Path) -> None:
    if root.exists() and not root.is_dir():
        msg = f"--root: {root} is a file; expected a folder"
        raise ValueError(msg)


def _faults(benchmark: Benchmark, root: Path, deep: bool = False) -> Iterator[str]:
    from sansa_lightning.prepare.verify import faults  # imports torch, which options and plans do not need

    return faults(benchmark, root, deep)


def _show_plan(benchmark: Benchmark, root: Path, remove_archives: bool) -> int:
    tasks = plan(benchmark, root)
    print("\n".join(str(task) for task in tasks))
    fetch, write = sum(task.fetch for task in tasks), sum(task.write for task in tasks)
    print(f"to fetch: {bytes_text(fetch)}; to write in addition: about {bytes_text(write)}")
    _show_by_hand([task.step for task in tasks if task.state is State.BY_HAND and isinstance(task.step, Archive)], root)
    check_room(tasks, root, remove_archives)
    return 0


def _show_by_hand(archives: Sequence[Archive], root: Path) -> None:
    for archive in archives:
        print(f"to download by hand: {archive.page}")
        print(f"        save it as {archive_path(archive, root)} and run prepare again,")
        print(
            f"        or put its files where they belong: {', '.join(content.pattern for content in archive.contents)}"
        )


def _show_faults(found: Iterable[str], show: int) -> int:
    """Print the first ``show`` faults; returns the number of all."""
    count = 0
    for count, fault in enumerate(found, 1):
        if count <= show:
            print(fault)
    if count > show:
        print(f"and {count - show} more")
    print(counted(count, "fault") if count else "no faults")
    return count
