"""``python -m sansa_lightning data describe``: the data of a configuration, before anything runs."""

from __future__ import annotations

from sansa_lightning.describe.experiment import read_experiment
from sansa_lightning.describe.options import Options
from sansa_lightning.describe.sheet import contact_sheet
from sansa_lightning.describe.summary import summarise
from sansa_lightning.describe.text import as_text
from sansa_lightning.files.whole import replacing


def describe(asked: Options) -> int:
    """Print the classes, images, objects, episodes and overlaps of a configuration, and draw a sheet of episodes.

    With ``--manifest FILE`` the test episodes are also written to a file, for others to score.

    Returns:
        0, even if training and test overlap; the reader judges that.

    Raises:
        ValueError: the configuration or the data are wrong; says where.
        FileNotFoundError: a file is missing.
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
