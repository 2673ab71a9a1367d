"""Imports every class of the project that the data of a configuration can name: sources, protocols, prompts, ..."""

from sansa_lightning.data.episodes.every_image import EveryImageEpisodes
from sansa_lightning.data.episodes.listed import FsSam2ClassEpisodes, FsSam2ListEpisodes, FssamEpisodes
from sansa_lightning.data.episodes.negative_choices import OtherClasses, ShownClasses
from sansa_lightning.data.episodes.samplers import RandomEpisodes, RoundRobinEpisodes
from sansa_lightning.data.episodes.unmarked import UnmarkedEpisodes
from sansa_lightning.data.frames.fs_sam2 import FsSam2Augmentation
from sansa_lightning.data.frames.fssam import FssamAugmentation
from sansa_lightning.data.frames.resizing import BicubicSquash, Squash
from sansa_lightning.data.prompts import (
    BoxPrompt,
    MaskPrompt,
    MultiPrompt,
    PointPrompt,
    ScribblePrompt,
    WholeBoxPrompt,
)
from sansa_lightning.data.protocols.base import Chosen, InDomain, Strict
from sansa_lightning.data.protocols.class_lists import AllClasses, ClassSplits
from sansa_lightning.data.protocols.generalist import CrossDataset, Generalist
from sansa_lightning.data.protocols.lists import StrictByPosition, StrictByTrainPosition
from sansa_lightning.data.protocols.regrouped import CocoToPascal
from sansa_lightning.data.sources.ade20k import Ade20k
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.coco20i_released import Coco20iReleased
from sansa_lightning.data.sources.coco_file import CocoFile
from sansa_lightning.data.sources.coco_lists import CocoLists
from sansa_lightning.data.sources.deepglobe import DeepGlobe
from sansa_lightning.data.sources.folder import Folder
from sansa_lightning.data.sources.fss1000 import Fss1000
from sansa_lightning.data.sources.isic import Isic
from sansa_lightning.data.sources.lung import Lung
from sansa_lightning.data.sources.lvis import Lvis, LvisReleased
from sansa_lightning.data.sources.paco_part import PacoPart, PacoPartReleased
from sansa_lightning.data.sources.pascal5i import Pascal5i
from sansa_lightning.data.sources.pascal_lists import PascalLists
from sansa_lightning.data.sources.pascal_part import PascalPart
from sansa_lightning.data.sources.patterns import Patterns

__all__ = [
    "Ade20k",
    "AllClasses",
    "BicubicSquash",
    "BoxPrompt",
    "Chosen",
    "ClassSplits",
    "Coco",
    "Coco20iReleased",
    "CocoFile",
    "CocoLists",
    "CocoToPascal",
    "CrossDataset",
    "DeepGlobe",
    "EveryImageEpisodes",
    "Folder",
    "FsSam2Augmentation",
    "FsSam2ClassEpisodes",
    "FsSam2ListEpisodes",
    "Fss1000",
    "FssamAugmentation",
    "FssamEpisodes",
    "Generalist",
    "InDomain",
    "Isic",
    "Lung",
    "Lvis",
    "LvisReleased",
    "MaskPrompt",
    "MultiPrompt",
    "OtherClasses",
    "PacoPart",
    "PacoPartReleased",
    "Pascal5i",
    "PascalLists",
    "PascalPart",
    "Patterns",
    "PointPrompt",
    "RandomEpisodes",
    "RoundRobinEpisodes",
    "ScribblePrompt",
    "ShownClasses",
    "Squash",
    "Strict",
    "StrictByPosition",
    "StrictByTrainPosition",
    "UnmarkedEpisodes",
    "WholeBoxPrompt",
]
