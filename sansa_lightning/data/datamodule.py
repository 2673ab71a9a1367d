"""The datamodule: a source and a protocol in, batches of clips out, equal for all methods and machines."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from jsonargparse.typing import lazy_instance

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.episodes.augmented import AugmentedClips
from sansa_lightning.data.episodes.controlled import ControlledClips
from sansa_lightning.data.episodes.dataset import ClipDataset, EvaluationClips, ScoreAt, check_scoring
from sansa_lightning.data.episodes.manifest import ManifestEpisodes, manifest_hash, write_manifest
from sansa_lightning.data.episodes.negative_choices import (
    ClipsWithNegatives,
    NegativeChoice,
    TrainingClipsWithNegatives,
    stacking,
)
from sansa_lightning.data.episodes.samplers import DrawnEpisodes, Episodes, RandomEpisodes, Repeated
from sansa_lightning.data.frames.augmentation import Augmentation
from sansa_lightning.data.frames.resizing import Resizing
from sansa_lightning.data.loading.checked_pools import CheckedPools, images_in
from sansa_lightning.data.loading.datamodule_base import LoadingDataModule, at_least
from sansa_lightning.data.loading.loader import ClipLoader
from sansa_lightning.data.prompts import MaskPrompt, Prompter
from sansa_lightning.data.protocols.base import Pool, PoolPhase, Protocol, Strict
from sansa_lightning.data.sources.base import Source
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.images.pictures import height_width

Phase = Literal["train", "val", "test"]
_PHASES: dict[str, tuple[Phase, ...]] = {
    "fit": ("train", "val"),
    "validate": ("val",),
    "test": ("test",),
    "predict": ("test",),
}


HASHED_IN_TRAINING = 1000


class EpisodeDataModule(LoadingDataModule):
    """Clips of a source under a protocol.

    Training clips are drawn anew in each epoch. Validation, test and prediction draw a fixed list from the protocol's
    test classes; the validation list is the beginning of the test list, for a curve to watch: the paper selects no
    model by it (docs/sansa.md 6). Everything the data must satisfy is checked in :meth:`setup`, before any training.
    The defaults are those of the embedded miniature; experiments set what the papers use.

    Args:
        source: the dataset.
        protocol: which classes train and which test.
        size: side of the square clip, pixels (docs/sansa.md 4: 640, or 518 for FSS-1000 and parts).
        shots: K, references of a validation or test clip, which has one target.
        train_shots: references of a training clip.
        train_targets: J, targets of a training clip.
        train_length: training episodes of an epoch, over all processes; None for as many as there are training images.
        val_episodes: validation clips.
        test_episodes: test and prediction clips, if there is no ``manifest``.
        batch_size: training clips per step in each process.
        eval_batch_size: clips per step in each process, in validation, test and prediction.
        num_workers: loading processes for each loader; 0 loads in the main process.
        seed: of the training episodes.
        test_seed: of the validation and test episodes; separate, so that runs with different seeds are scored on the
            same list.
        test_order: how episodes of validation and test are drawn: ``RandomEpisodes``, ``RoundRobinEpisodes``,
            ``EveryImageEpisodes``, or a paper's own rule (``episodes.listed``).
        train_order: the same for training episodes.
        manifest: file with the test episodes, see :meth:`write_manifest`; None draws them.
        prompt: how references are annotated; None for masks.
        train_prompt: the same for training clips; None for the value of ``prompt``. So a model trained with all kinds
            of prompt can be scored with each of them (Figure 6).
        negatives: the negative references of validation and test clips, for methods that compare; None for none.
        train_negatives: the same for training clips, of classes that train; None for none.
        resizing: how images get the size of a clip; None for ``Squash``.
        augmentation: makes the frames of training clips, instead of resizing alone; None for no augmentation.
        memorise: train on the test episodes themselves, over and over, to see whether the pipeline can learn at all;
            such a score is no result.
        score_at: "clip" scores at clip size as the published numbers do (docs/sansa.md 4), "original" at that of each
            image.
        score_align_corners: at original size, whether logits are resized with corners aligned, as FS-SAM2 and FSSAM do.
        controls: test clips bring the objects of their targets and wrong references, for the controls of the scores;
            each target is then segmented twice.
    """

    def __init__(
        self,
        source: Source = lazy_instance(Patterns),  # noqa: B008  how jsonargparse takes a default object
        protocol: Protocol = lazy_instance(Strict, fold=0),  # noqa: B008
        size: int = 96,
        shots: int = 1,
        train_shots: int = 1,
        train_targets: int = 3,
        train_length: int | None = 100,
        val_episodes: int = 40,
        test_episodes: int = 320,
        batch_size: int = 4,
        eval_batch_size: int = 8,
        num_workers: int = 1,
        seed: int = 0,
        test_seed: int = 0,
        test_order: type[DrawnEpisodes] = RandomEpisodes,
        train_order: type[DrawnEpisodes] = RandomEpisodes,
        manifest: Path | None = None,
        prompt: Prompter | None = None,
        train_prompt: Prompter | None = None,
        negatives: NegativeChoice | None = None,
        train_negatives: NegativeChoice | None = None,
        resizing: Resizing | None = None,
        augmentation: Augmentation | None = None,
        score_at: ScoreAt = "clip",
        score_align_corners: bool = False,
        memorise: bool = False,
        controls: bool = True,
    ) -> None:
        super().__init__(batch_size, eval_batch_size, num_workers)
        height_width(size)
        at_least(1, shots=shots, train_shots=train_shots, train_targets=train_targets)
        at_least(1, train_length=1 if train_length is None else train_length)
        at_least(1, val_episodes=val_episodes, test_episodes=test_episodes)
        at_least(0, seed=seed, test_seed=test_seed)
        check_scoring(score_at, score_align_corners)
        if train_negatives is not None and augmentation is not None:
            msg = "data.train_negatives: expected data.augmentation: null with it, since negatives are not augmented"
            raise ValueError(msg)
        self.source = source
        protocol.check(shots, train_targets)
        self.protocol = protocol
        self.size = size
        self.shots = shots
        self.train_shots = train_shots
        self.train_targets = train_targets
        self.train_length = train_length
        self.lengths: dict[Phase, int] = {"val": val_episodes, "test": test_episodes}
        self.seed = seed
        self.test_seed = test_seed
        self.test_order = test_order
        self.train_order = train_order
        self.manifest = manifest
        self.prompt = prompt or MaskPrompt()
        self.train_prompt = train_prompt or self.prompt
        self.negatives = negatives
        self.train_negatives = train_negatives
        self.resizing = resizing
        self.augmentation = augmentation
        self.score_at: ScoreAt = score_at
        self.score_align_corners = score_align_corners
        self.memorise = memorise
        self.controls = controls
        self._pools = CheckedPools(protocol, source)
        self._clips: dict[Phase, ClipDataset] = {}
        self._identity: str | None = None

    def setup(self, stage: str) -> None:
        """Read annotations, assign classes, check files and manifest, and fix the lists of episodes.

        Raises:
            ValueError: data or manifest do not fit; names the file and the entry.
            FileNotFoundError: data or manifest do not exist.
        """
        for phase in _PHASES[stage]:
            if phase not in self._clips:
                self._clips[phase] = self._build(phase)

    def pools(self, phase: PoolPhase) -> tuple[Pool, ...]:
        """The protocol's pools, see :meth:`CheckedPools.of`."""
        return self._pools.of(phase)

    @property
    def notes(self) -> dict[str, dict[str, int]]:
        """See :attr:`CheckedPools.notes`."""
        return self._pools.notes

    @property
    def score_size(self) -> str:
        """The size at which targets are scored, in words."""
        if self.score_at == "clip":
            return "clip"
        return "original, corners aligned" if self.score_align_corners else "original"

    @property
    def test_classes(self) -> tuple[ClassId, ...]:
        """The test classes, over which the mean IoU is taken."""
        return self.pools("test")[0].classes

    @property
    def class_names(self) -> dict[ClassId, str]:
        """The name of each test class."""
        pool = self.pools("test")[0]
        return {class_id: pool.source.class_name(class_id) for class_id in pool.classes}

    def clips(self, phase: Phase) -> ClipDataset:
        """The clips of the "train", "val" or "test" episodes; after :meth:`setup`."""
        if phase not in self._clips:
            stage = next(stage for stage, phases in _PHASES.items() if phase in phases)
            msg = f"the {phase} episodes are not there yet: call setup({stage!r}) first"
            raise ValueError(msg)
        return self._clips[phase]

    def episodes(self, phase: Phase) -> Episodes:
        """The list of "train", "val" or "test" episodes; after :meth:`setup`."""
        return self.clips(phase).episodes

    def manifest_hash(self, phase: Phase) -> str:
        """SHA-256 of a phase's episodes; of "train" the first thousand, since a long epoch takes a minute to draw."""
        episodes = self.episodes(phase)
        return manifest_hash(islice(episodes, HASHED_IN_TRAINING) if phase == "train" else episodes)

    @property
    def manifest_hashes(self) -> dict[Phase, str]:
        """:meth:`manifest_hash` of every list that is set up."""
        return {phase: self.manifest_hash(phase) for phase in self._clips}

    def record(self) -> dict[str, Any]:
        """The episodes and notes of the data, and the size of the scores, for the run's result."""
        own = {"seed": self.seed, "episodes": self.manifest_hashes, "notes": self.notes}
        return {**own, "score_size": self.score_size}

    def write_manifest(self, path: Path) -> None:
        """Write the test episodes to a file that ``manifest`` takes."""
        write_manifest(self.episodes("test"), path)

    def train_dataloader(self) -> ClipLoader:
        """Batches of training clips for this process."""
        return self.training(self.clips("train"), *self._train_list(), stacking(self.train_negatives))

    def training_list(self) -> tuple[int, str] | None:
        """See :meth:`LoadingDataModule.training_list`; after :meth:`setup`."""
        return self._train_list() if "train" in self._clips else None

    def val_dataloader(self) -> ClipLoader:
        """Batches of validation clips for this process."""
        return self._scored("val")

    def test_dataloader(self) -> ClipLoader:
        """Batches of test clips for this process, with the data of the controls."""
        if not self.controls:
            return self._scored("test")
        pool = self.pools("test")[0]
        scoring = (self.score_at, self.score_align_corners)
        return self._evaluation(ControlledClips(self.clips("test"), pool, self.test_seed, *scoring))

    def predict_dataloader(self) -> ClipLoader:
        """The test clips, whose masks get the size of their images."""
        return self._evaluation(EvaluationClips(self.clips("test"), "original", self.score_align_corners))

    def _scored(self, phase: Phase) -> ClipLoader:
        return self._evaluation(EvaluationClips(self.clips(phase), self.score_at, self.score_align_corners))

    def _evaluation(self, clips: EvaluationClips) -> ClipLoader:
        return self.evaluation(clips, stacking(self.negatives))

    def _train_list(self) -> tuple[int, str]:
        episodes = self.episodes("train")
        if self._identity is None:
            # A few episodes suffice to tell lists apart: they change with seed, classes, images and their numbers. So
            # does one clip for what is made of images: size, resizing, augmentation and prompts.
            clips = self.clips("train")
            parts = (part for index in range(16) for part in (episodes[index], *clips.beside(episodes[index])))
            both = manifest_hash(parts) + clips[0].annotation_hash()
            self._identity = hashlib.sha256(both.encode()).hexdigest()[:16]
        return len(episodes), self._identity

    def _build(self, phase: Phase) -> ClipDataset:
        pools = self.pools("train" if phase == "train" else "test")
        sources = {pool.source.name: pool.source for pool in pools}
        episodes = self._draw(phase, pools)
        prompter = self.train_prompt if phase == "train" else self.prompt
        common = (episodes, sources, self.size, prompter)
        if phase == "train" and self.augmentation is not None:
            return AugmentedClips(*common, self.augmentation, self.seed)
        negatives = self.train_negatives if phase == "train" else self.negatives
        if negatives is None:
            return ClipDataset(*common, self.resizing)
        if phase == "train" and not self.memorise:
            return TrainingClipsWithNegatives(*common, pools, negatives, self.resizing)
        return ClipsWithNegatives(*common, self.pools("test"), negatives, self.resizing)

    def _draw(self, phase: Phase, pools: tuple[Pool, ...]) -> Episodes:
        if phase == "train" and self.memorise:
            return Repeated(self._draw("test", self.pools("test")))
        if phase == "train":
            length = self.train_length or images_in(pools)
            return self.train_order(pools, self.train_shots, self.train_targets, self.seed, length)
        if phase == "val" or self.manifest is None:
            return self.test_order(pools, self.shots, 1, self.test_seed, self.lengths[phase])
        listed = ManifestEpisodes(self.manifest)
        listed.check(pools)
        if len(listed[0].references) != self.shots:
            msg = f"manifest {self.manifest}: expected data.shots = {self.shots} references, but line 1 is {listed[0]}"
            raise ValueError(msg)
        return listed
