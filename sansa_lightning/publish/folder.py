"""An adapter as a folder that the Hugging Face hub takes: tensors, configuration and a model card."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from sansa_lightning.checkpoints.header import own_parts
from sansa_lightning.checkpoints.portable import ADAPTER, write_portable
from sansa_lightning.files.messages import counted
from sansa_lightning.files.tensor_files import read_tensors
from sansa_lightning.files.whole import write_text
from sansa_lightning.publish.facts import Licences, card_values, published_run
from sansa_lightning.publish.places import without_places
from sansa_lightning.runs.folder import CHECKPOINTS, LAST

CARD, CONFIG, RUN_CONFIG = "README.md", "adapter_config.json", "config.yaml"
FILES = (ADAPTER, CONFIG, CARD, RUN_CONFIG)


def write_adapter(run_folder: Path, out: Path, repository: str, licences: Licences) -> None:
    """Write the tensors, their header, the card, and the configuration of the run, all without the machine's folders.

    Args:
        run_folder: of a finished fit.
        out: for the files; those of an earlier call are replaced.
        repository: ``owner/name``.
        licences: the publisher's answers.

    Raises:
        ValueError: the run is not finished, or has no checkpoint of this project; the folder holds other files.
        OSError: the folder cannot be written to.
    """
    run = published_run(run_folder)
    others = [path.name for path in out.iterdir() if path.name not in FILES] if out.is_dir() else []
    if others:
        msg = f"--out: {out} holds {counted(len(others), 'other file')}, first {others[0]}; choose a new folder"
        raise ValueError(msg)
    checkpoint = run_folder / CHECKPOINTS / LAST
    header, state = own_parts(read_tensors(checkpoint), str(checkpoint))
    header = without_places(header)
    total = sum(value.numel() for value in state.values())
    values = card_values(run, repository, total, licences)
    card = _card({**values, "kind": header["strategy"]["class"]})
    write_portable(out / ADAPTER, header, state)
    write_text(out / CONFIG, json.dumps(header, indent=2, sort_keys=True) + "\n")
    write_text(out / RUN_CONFIG, yaml.safe_dump(run.result.config, sort_keys=False))
    write_text(out / CARD, card)


def _card(values: dict[str, object]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sansa_lightning.publish", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  Markdown
    )
    return environment.get_template(f"{CARD}.j2").render(values) + "\n"
