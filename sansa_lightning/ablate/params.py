"""``python -m sansa_lightning params TABLE ...``: each row's trained parameters, beside the paper's numbers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from sansa_lightning.ablate.counting import attached
from sansa_lightning.ablate.table import Row, Table, read_table
from sansa_lightning.cli.noise import quiet
from sansa_lightning.cli.resolve import build, resolve
from sansa_lightning.cli.yaml_files import read_yaml
from sansa_lightning.files.messages import one_line
from sansa_lightning.strategies.base import trained_parameters
from sansa_lightning.trackers.sam2.configurations import PUBLISHED
from sansa_lightning.trackers.zoo import BASES, Base


@dataclass(frozen=True)
class Count:
    """The parameters of a row.

    Attributes:
        row: of the table.
        trained: number of trained parameters, by group.
        frozen: number of frozen parameters, likewise.
    """

    row: Row
    trained: Mapping[str, int]
    frozen: Mapping[str, int]


def params(given: argparse.Namespace) -> int:
    """Count and print.

    Args:
        given: the options, see :func:`sansa_lightning.ablate.options.params_parser`.

    Returns:
        0, or 2 if a table or one of its rows is wrong.

    Raises:
        ValueError: there is no such base.
    """
    if given.base not in BASES:
        msg = f"--base: expected one of {', '.join(BASES)}, but got {given.base!r}"
        raise ValueError(msg)
    counts, faults = [], []
    for path in given.tables:
        table, wrong = read_table(path)
        faults += wrong
        if table is not None:
            with quiet():
                counts.append((table, _counts(table, given.base, faults)))
    if faults:
        sys.stderr.write("".join(f"error: {fault}\n" for fault in faults))
        return 2
    print("\n\n".join(describe(table, rows, given.base) for table, rows in counts))
    return 0


def count(table: Table, row: Row, base: str) -> Count:
    """The parameters of a row on a base, or on its own if it names one; no weights are read.

    Raises:
        ValueError: the row cannot be resolved, or does not fit the base.
    """
    config = resolve([table.experiment, *row.files], row.settings)
    module, _ = build(config)
    own = module.parts.base
    name = own.name if _names_base(row) else base
    sam = attached(Base(name, own.weights, object_scores=own.object_scores and name in PUBLISHED), module.parts)
    trained = trained_parameters(sam)
    frozen = {key: parameter for key, parameter in sam.named_parameters() if key not in trained}
    return Count(row, grouped(trained), grouped(frozen))


def grouped(parameters: Mapping[str, nn.Parameter]) -> dict[str, int]:
    """Numbers of elements by SAM 2's modules, or by the parts of some of them."""
    found: dict[str, int] = {}
    for name, parameter in parameters.items():
        parts = name.split(".")
        depth = 2 if parts[0] in DEEPER else 1
        group = ".".join(parts[: min(depth, len(parts))])
        found[group] = found.get(group, 0) + parameter.numel()
    return found


DEEPER = ("image_encoder", "sam_mask_decoder")
"""Modules whose parts are shown."""


def describe(table: Table, counts: Sequence[Count], base: str) -> str:
    """The table, with the counts of single modules below."""
    lines = [f"{table.title} ({base})", f"{'row':<18}{'trained':>14}{'of':>14}  paper"]
    for each in counts:
        trained, frozen = sum(each.trained.values()), sum(each.frozen.values())
        lines.append(f"{each.row.name:<18}{trained:>14,}{trained + frozen:>14,}  {_paper(each)}")
    for each in counts:
        if each.trained:
            lines += ["", f"{each.row.name}:", *_groups(each)]
    return "\n".join(lines)


def _groups(each: Count) -> list[str]:
    """Trained parameters, and frozen ones of the same modules."""
    modules = {group.partition(".")[0] for group in each.trained}
    frozen = {group: number for group, number in each.frozen.items() if group.partition(".")[0] in modules}
    lines = []
    for group, number in sorted(each.trained.items(), key=lambda item: -item[1]):
        rest = frozen.pop(group, 0)
        lines.append(f"  {group:<44}{number:>14,}" + (f"  ({rest:,} more don't train)" if rest else ""))
    return [*lines, *(f"  {group:<44}{0:>14,}  ({number:,} don't train)" for group, number in frozen.items())]


def _paper(each: Count) -> str:
    value = each.row.paper.get("params_m")
    if value is None:
        return "n/a"
    trained = sum(each.trained.values()) / 1e6
    return f"{value:g} M" + (f" ({trained - value:+.2f} M)" if value else "")


def _names_base(row: Row) -> bool:
    contents = [read_yaml(file) for file in row.files]
    named = any("name" in (content.get("model", {}).get("base") or {}) for content in contents)
    return named or "model.base.name" in row.settings


def _counts(table: Table, base: str, faults: list[str]) -> list[Count]:
    found = []
    for row in table.rows:
        try:
            found.append(count(table, row, base))
        except (ValueError, OSError) as error:
            faults.append(f"{table.path}, row {row.name!r}: {one_line(error)}")
    return found
