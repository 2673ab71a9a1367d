"""``python -m sansa_lightning data describe``: what a configuration trains on and tests on, before anything runs."""

from __future__ import annotations

from sansa_lightning.describe.experiment import read_experiment
from sansa_lightning.describe.options import Options
from sansa_lightning.describe.sheet import contact_sheet
from sansa_lightning.describe.summary import summarise
from sansa_lightning.describe.text import as_text
from sansa_lightning.files.whole import replacing


def describe(asked: Options) -> int:
    """Print the classes, images, objects, episodes and overlaps of a configuration, and draw a sheet of episodes.

    With ``--manifest FILE`` the test episodes are written to a file as well, to be scored by others.

    Returns:
        0; whether training and test overlap is for the reader to judge.

    Raises:
        ValueError: the configuration or the data are wrong; says where.
        FileNotFoundError: something is not there.
    """
    experiment = read_experiment(asked)
    summary = summarise(experiment.data)
    print(as_text(summary, experiment))
    sheet = contact_sheet(experiment.data, summary.phases, asked.episodes)
    with replacing(asked.out) as partial:
        sheet.save(partial, format="PNG")
    print(f"episodes drawn in {asked.out}")
    if asked.manifest:
        experiment.data.write_manifest(asked.manifest)
        print(f"test episodes written to {asked.manifest}")
    return 0
