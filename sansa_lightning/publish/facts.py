"""What a model card says of a run, from its folder alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from sansa_lightning.files.messages import brief
from sansa_lightning.publish.places import published_config, without_places
from sansa_lightning.report.gather.facts import fact
from sansa_lightning.report.gather.runs import DIRTY, Run, classes_of, read_run
from sansa_lightning.report.tables.model import NOTHING
from sansa_lightning.runs.folder import CHECKPOINTS, LAST
from sansa_lightning.runs.result import RunResult

NOT_STATED = "The publisher has not stated it; ask before you use it."


@dataclass(frozen=True)
class Licences:
    """The publisher's own answers; empty ones are looked up, or told to be missing.

    Attributes:
        tensors: SPDX identifier of the adapter's licence.
        data: terms of the training data.
    """

    tensors: str = ""
    data: str = ""


def published_run(folder: Path) -> Run:
    """The finished fit of a folder, with its checkpoint; its result says nothing of the machine's folders.

    Raises:
        ValueError: there is no such fit.
    """
    run = read_run(folder, "fit")
    if isinstance(run, str) or not run.result.finished or not run.trains:
        got = run if isinstance(run, str) else f"it is {run.result.status or 'of unknown status'}"
        got = got if isinstance(run, str) or not run.result.finished else "nothing was trained"
        msg = f"publish: expected the folder of a finished fit, but got {folder}: {got}"
        raise ValueError(msg)
    if not (folder / CHECKPOINTS / LAST).is_file():
        msg = f"publish: {folder} has no {CHECKPOINTS}/{LAST}"
        raise ValueError(msg)
    return replace(run, result=_clean(run.result))


def _clean(result: RunResult) -> RunResult:
    said = {key: without_places(getattr(result, key)) for key in ("strategy", "base")}
    more = {**result.more, "method": without_places(result.more.get("method"))}
    return replace(result, **said, more=more, config=published_config(result.config or {}))


def card_values(run: Run, repository: str, total: int, licences: Licences) -> dict[str, Any]:
    """The values of the card's template.

    Args:
        run: see :func:`published_run`.
        repository: ``owner/name``.
        total: values in the tensors that are published.
        licences: the publisher's answers.
    """
    result, scores = run.result, run.scores
    base, source = str(fact(result, "base")), str(fact(result, "data.source"))
    return {
        "repository": repository,
        "base": base,
        "base_repository": f"facebook/{base.replace('_', '-')}" if base.startswith("sam2") else "",
        "load_options": ", object_scores=True" if fact(result, "model.base.object_scores") else "",
        "miniature": run.miniature,
        "model": _model(result.strategy or {}, result.more.get("method") or {}),
        "trained": total,
        "data": _data(run, source),
        "scores": {"mIoU": scores.miou, "FB-IoU": scores.fb_iou, "mIoU on training classes": scores.in_domain},
        "controls": _controls(run),
        "classes": [(name, f"{100 * iou:.1f}", count) for name, (iou, count) in classes_of(run).items()],
        "training": _training(run),
        "licence": licences.tensors or "other",
        "questions": _questions(base, source, licences),
        "provenance": run.provenance | {"run": run.folder.name},
        "dirty": (result.commit or "").endswith(DIRTY),
        "percent": lambda share: NOTHING if share is None else f"{100 * share:.1f}",
    }


def _model(strategy: Mapping[str, Any], method: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, said in (("strategy", strategy), ("method", method)):
        settings = ", ".join(f"{key} {brief(value, 120)}" for key, value in (said.get("settings") or {}).items())
        found[name] = f"{said.get('class', NOTHING)} ({settings})" if settings else str(said.get("class", NOTHING))
    return found


def _data(run: Run, source: str) -> dict[str, str]:
    keys = {"protocol": "data.protocol", "fold": "data.protocol.fold", "references": "data.shots"}
    said = {name: fact(run.result, key) for name, key in keys.items()}
    said |= {"pixels": fact(run.result, "data.size"), "scored at": run.result.score_size}
    prompt = fact(run.result, "data.prompt") or "MaskPrompt"
    return {"source": source, **{k: str(v) for k, v in said.items() if v is not None}, "prompts": str(prompt)}


def _controls(run: Run) -> dict[str, float]:
    names = {
        "after a reference of a class that the target does not show": run.scores.wrong_miou,
        "margin: mIoU less that": run.scores.margin,
        "of the mask of all objects": run.scores.everything_miou,
        "targets whose most covered object is of the class": run.scores.choice,
        "the same for a guess": run.scores.choice_chance,
    }
    return {name: value for name, value in names.items() if value is not None}


def _training(run: Run) -> dict[str, str]:
    keys = {
        "clips of a step": "batch",
        "losses": "losses",
        "optimiser": "model.optimizer",
        "rate": "model.optimizer.lr",
        "schedule": "model.schedule",
        "targets of a clip (J)": "data.train_targets",
        "precision": "trainer.precision",
        "seed": "seed_everything",
    }
    found = {name: fact(run.result, key) for name, key in keys.items()}
    found["losses"] = ", ".join(found["losses"] or ()) or None
    return {"steps": str(run.result.steps), **{name: str(value) for name, value in found.items() if value is not None}}


def _questions(base: str, source: str, licences: Licences) -> dict[str, str]:
    known = _known()
    kind = next((terms for start, terms in known["bases"].items() if base.startswith(start)), NOT_STATED)
    return {
        "Under which licence are these tensors?": licences.tensors or NOT_STATED,
        "Which terms has the base?": kind,
        "Which terms have the data that it was trained on?": licences.data or known["data"].get(source, NOT_STATED),
        "Which licence has the code that reads it?": "Apache-2.0 (sansa_lightning)",
        "May it be used commercially?": "Only as far as all of these allow; nobody has checked that for you.",
    }


@cache
def _known() -> dict[str, dict[str, str]]:
    text = files("sansa_lightning.publish").joinpath("licences.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = yaml.safe_load(text)
    return found
