"""From tables to runs: every row on every fold and seed, all checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace

from sansa_lightning.ablate.checks import Checks
from sansa_lightning.ablate.identity import identity
from sansa_lightning.ablate.jobs import Job, find_folder, folder_name
from sansa_lightning.ablate.table import Row, Table
from sansa_lightning.analysis.linear_probe import PROBE
from sansa_lightning.cli.noise import quiet
from sansa_lightning.cli.resolve import as_plain, build, resolve
from sansa_lightning.cli.yaml_files import read_yaml
from sansa_lightning.files.messages import one_line
from sansa_lightning.report.rows import Place, PlannedRow
from sansa_lightning.strategies.base import Strategy, known_strategies


@dataclass(frozen=True)
class Asked:
    """The options of the command line that replace settings of the tables.

    Attributes:
        experiments: configuration files instead of the tables' own; theirs if empty.
        adjust: file instead of the tables' own, which belong to their own experiments.
        folds: instead of the tables'; theirs if None.
        seeds: likewise.
        runs: folder of the runs.
    """

    experiments: tuple[Path, ...] = ()
    adjust: Path | None = None
    folds: tuple[int, ...] | None = None
    seeds: tuple[int, ...] | None = None
    runs: Path = Path("runs/ablate")


@dataclass
class Expander:
    """Expands tables; collects faults instead of raising the first.

    Attributes:
        asked: see :class:`Asked`.
        faults: one line for each.
        jobs: every run once, by its identity, in the order of the tables.
    """

    asked: Asked
    faults: list[str] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    _checks: Checks = field(default_factory=Checks)

    def expand(self, table: Table) -> list[PlannedRow]:
        """Rows with their runs; those with faults are left out."""
        with quiet():
            found = [self._row(table, row) for row in table.rows]
        return [planned for planned in found if planned is not None]

    def _row(self, table: Table, row: Row) -> PlannedRow | None:
        faults: list[str] = []
        planned = None
        try:
            config, adjusted = self.resolved(table, row)
            planned = PlannedRow(
                name=row.name,
                config=as_plain(config),
                runs=self._runs(table, row, config, faults),
                files=row.files,
                settings=row.settings,
                adjusted=adjusted,
                paper=row.paper,
            )
        except (ValueError, OSError) as error:
            faults.append(one_line(error))
        self.faults += [f"{table.path}, row {row.name!r}: {fault}" for fault in dict.fromkeys(faults)]
        return None if faults else planned

    def _runs(self, table: Table, row: Row, config: Namespace, faults: list[str]) -> dict[Place, str]:
        """The row's runs; the data of each fold are checked, strategy and weights once.

        Raises:
            ValueError: strategy, base or weights do not fit.
            OSError: weights are missing.
        """
        has_folds = "fold" in config.data.protocol.get("init_args", {})
        folds: Sequence[int | None] = (self.asked.folds or table.folds) if has_folds else (None,)
        trains = self._checks.trains(build(with_fold(config, None))[0])
        runs = {}
        for fold in folds:
            on_fold = with_probe(with_fold(config, fold))
            try:
                module, data = build(on_fold)
                self._checks.data(data, on_fold, trains=trains, in_domain=table.in_domain)
            except (ValueError, OSError) as error:
                faults.append(one_line(error))
                continue
            plain, strategy = as_plain(on_fold), module.parts.strategy
            for seed in self.asked.seeds or table.seeds:
                runs[fold, seed] = self._job(table, row, with_seed(plain, seed), strategy, (fold, seed), trains=trains)
        return runs

    def resolved(self, table: Table, row: Row) -> tuple[Namespace, dict[str, Any]]:
        """A row's configuration: experiment, the row's files, its strategy's adjustments, the row's settings.

        Returns:
            The configuration, and the adjustments.

        Raises:
            ValueError: it cannot be resolved.
            OSError: the file of adjustments is missing.
        """
        own = not self.asked.experiments
        files = [*(self.asked.experiments or (table.experiment,)), *row.files]
        adjust = self.asked.adjust or (table.adjust if own else None)
        config = resolve(files, row.settings)
        if adjust is None:
            return config, {}
        needed = adjustment(adjust, config.model.strategy.class_path)
        return (resolve(files, {**needed, **row.settings}), needed) if needed else (config, {})

    def _job(
        self,
        table: Table,
        row: Row,
        config: Mapping[str, Any],
        strategy: Strategy,
        place: Place,
        *,
        trains: bool,
    ) -> str:
        """Add a run unless it is known already; returns its identity."""
        key = identity(config, strategy, trains=trains)
        if key not in self.jobs:
            fold, seed = place
            self.jobs[key] = Job(
                name=f"{row.name}{'' if fold is None else f', fold {fold}'}, seed {seed}",
                identity=key,
                folder=find_folder(self.asked.runs, folder_name(row.name, fold, seed, key)),
                config=yaml.dump(config, Dumper=yaml.CSafeDumper, sort_keys=False),
                trains=trains,
                in_domain=table.in_domain,
            )
        elif table.in_domain:
            self.jobs[key] = replace(self.jobs[key], in_domain=True)
        return key


def with_fold(config: Namespace, fold: int | None) -> Namespace:
    """The configuration on a fold, without progress bars, and without the frozen base, which has its own row."""
    config = config.clone()
    config.compare_frozen = False
    if fold is not None:
        config.data.protocol.init_args.fold = fold
    for key in ("enable_progress_bar", "enable_model_summary"):
        if config.trainer[key] is None:
            config.trainer[key] = False
    return config


def with_probe(config: Namespace) -> Namespace:
    """The configuration with the linear probe in its test, a control of every row."""
    config = config.clone()
    callbacks = config.trainer.callbacks or []
    if PROBE not in [callback.class_path for callback in callbacks]:
        probe = Namespace(class_path=PROBE, init_args=Namespace())  # type: ignore[no-untyped-call]
        config.trainer.callbacks = [*callbacks, probe]
    return config


def with_seed(config: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The configuration with a seed for all random numbers of training; test episodes stay the same.

    Random weights, of a base without weights or in training from scratch, follow the seed too.
    """
    model = {**config["model"], "base": {**config["model"]["base"], "seed": seed}}
    return {**config, "seed_everything": seed, "model": model, "data": {**config["data"], "seed": seed}}


def adjustment(path: Path, class_path: str) -> dict[str, Any]:
    """Dotted keys and values for a strategy; empty if the file has none for it.

    Args:
        path: YAML, with the short names of strategies as keys.
        class_path: of the strategy.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it has another form, or names an unknown strategy.
    """
    if not path.is_file():
        msg = f"adjust: {path} is not a file"
        raise FileNotFoundError(msg)
    content = read_yaml(path, "adjust")
    for name, settings in content.items():
        if name not in known_strategies() or not isinstance(settings, dict):
            msg = (
                f"adjust {path}: expected strategies ({', '.join(sorted(known_strategies()))}) with dotted keys and "
                f"values, but got {name}: {settings!r}"
            )
            raise ValueError(msg)
    return dict(content.get(class_path.rpartition(".")[2], {}))
