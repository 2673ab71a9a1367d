"""The base without its strategy, scored on the same test clips, which shows the gain from adapting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from sansa_lightning.clips.evaluation import EvaluationBatch
from sansa_lightning.figures.gallery import Gallery, gallery_picture
from sansa_lightning.files.whole import replacing
from sansa_lightning.metrics.controls import ControlledIoU
from sansa_lightning.metrics.tables import ADAPTED, FROZEN
from sansa_lightning.module import FewShotModule
from sansa_lightning.strategies.without import Without


class FrozenComparison(Callback):
    """Scores the frozen base beside the adapted one in ``test``, and draws six episodes with both predictions.

    Each batch is loaded once and segmented twice. The module keeps the scores under "frozen". With a strategy that
    trains tensors of the base itself, the test needs up to a second base's memory, see :class:`Without`.

    Args:
        picture: file of the picture, PNG; None for no picture.
    """

    def __init__(self, picture: Path | None) -> None:
        self.picture = picture

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the base under the strategy."""
        module = _few_shot(pl_module)
        names = trainer.datamodule.class_names  # type: ignore[attr-defined]
        self.without: Without | None = Without(module.built.base)
        self.metric = ControlledIoU(tuple(names), tuple(names.values()), module.cut).to(module.device)
        self.gallery = Gallery()

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: EvaluationBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Segment and count the batch that the module has just segmented."""
        module = _few_shot(pl_module)
        assert self.without is not None  # noqa: S101  between start and end of the test
        with self.without, trainer.precision_plugin.forward_context():
            frozen = self.metric.update(module.segment, batch)
        self.gallery.look_at(batch, {FROZEN: frozen > module.cut, ADAPTED: outputs > module.cut})

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the scores, and drop the second base."""
        self.without = None
        controlled = trainer.datamodule.controls  # type: ignore[attr-defined]
        controls = self.metric.controls.compute() if controlled else None
        _few_shot(pl_module).keep(FROZEN, self.metric.score.compute(), controls)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Paint."""
        if self.picture is not None and trainer.is_global_zero and self.gallery.chosen:
            names = trainer.datamodule.class_names  # type: ignore[attr-defined]
            with replacing(self.picture) as partial:
                gallery_picture(self.gallery.chosen, names).save(partial, format="PNG")


def _few_shot(module: LightningModule) -> FewShotModule:
    if not isinstance(module, FewShotModule):
        msg = f"FrozenComparison: expected a FewShotModule, but got {type(module).__name__}"
        raise TypeError(msg)
    return module
