"""Make ``SegmentationClassAug``: the label maps of VOC 2012, and SBD's for images without one in VOC."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import loadmat

from sansa_lightning.data.formats.mask_files import read_labels, stems
from sansa_lightning.data.sources.pascal5i import NAMES
from sansa_lightning.files.whole import replacing
from sansa_lightning.prepare.progress import progress
from sansa_lightning.prepare.voc_benchmarks import AUGMENTED

VOC, SBD = "SegmentationClass", "sbd/cls"
_OUTLINE = 255


def make_augmented(root: Path) -> None:
    """Write the label maps missing from ``SegmentationClassAug``.

    VOC's palette pictures become plain ones with the same numbers, 255 along outlines; SBD's come from its Matlab files
    and have no outlines. For an image in both, VOC's is taken, as in the copies in circulation.

    Args:
        root: folder with ``SegmentationClass`` and ``sbd/cls``.

    Raises:
        FileNotFoundError: one of the folders is missing.
        ValueError: a file is broken; names it.
    """
    readers: dict[str, tuple[Path, Callable[[Path], NDArray[np.uint8]]]] = {}
    for stem in stems(root / SBD, [".mat"]):
        readers[stem] = root / SBD / f"{stem}.mat", read_sbd
    for stem in stems(root / VOC, [".png"]):
        readers[stem] = root / VOC / f"{stem}.png", read_labels
    (root / AUGMENTED).mkdir(exist_ok=True)
    there = set(stems(root / AUGMENTED, [".png"]))
    missing = [stem for stem in readers if stem not in there]
    with progress(f"writing {AUGMENTED}", len(missing), " files") as bar:
        for stem in missing:
            file, read = readers[stem]
            labels = _checked(file, read(file))
            with replacing(root / AUGMENTED / f"{stem}.png") as partial:
                Image.fromarray(labels).save(partial, format="PNG")
            bar.update()


def read_sbd(path: Path) -> NDArray[np.uint8]:
    """The label map in one of SBD's Matlab files, ``GTcls.Segmentation``: uint8 [H, W], 0 for background, 1 to 20.

    Raises:
        ValueError: not such a file; names it.
    """
    try:
        content = loadmat(path, variable_names=["GTcls"])["GTcls"]["Segmentation"][0, 0]
    except Exception as error:  # broken files raise nearly anything
        msg = f"{path} cannot be read as a Matlab file with GTcls.Segmentation: {error}"
        raise ValueError(msg) from error
    return np.asarray(content, np.uint8)


def _checked(path: Path, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    odd = set(np.unique(labels).tolist()) - {*range(len(NAMES) + 1), _OUTLINE}
    if labels.ndim != 2 or odd:
        msg = f"{path}: expected labels of 0 to {len(NAMES)} or {_OUTLINE}, but got {sorted(odd)[:3] or labels.shape}"
        raise ValueError(msg)
    return labels
