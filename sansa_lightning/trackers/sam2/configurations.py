"""The published sizes of SAM 2, built from the configurations inside the sam2 package."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from sansa_lightning.trackers.base import Tracker

SIZES = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}
EVALUATED_AT = 640
"""Side of the clips, in pixels, that SANSA is trained and scored on (docs/sansa.md)."""

PUBLISHED = tuple(f"{family}_hiera_{size}" for family in ("sam2", "sam2.1") for size in SIZES)

WITHOUT_OBJECT_SCORES: dict[str, Any] = {
    "pred_obj_scores": False,
    "pred_obj_scores_mlp": False,
    "fixed_no_obj_ptr": False,
    # Added only to memories of frames without the object, known from object scores alone (SAM 2.1).
    "no_obj_embed_spatial": False,
}
"""Settings of a base without object scores: one decoder token fewer, as SANSA has it (docs/sansa.md 1.1)."""

SCORE_KEYS = frozenset(
    {"no_obj_ptr", "sam_mask_decoder.obj_score_token.weight"}
    | {f"sam_mask_decoder.pred_obj_score_head.layers.{i}.{kind}" for i in range(3) for kind in ("weight", "bias")}
)
"""Keys of a published SAM 2.0 file that a base without object scores does not use."""


def left_over(name: str, object_scores: bool) -> frozenset[str]:
    """Keys of a published file that a base does not use."""
    if object_scores:
        return frozenset()
    return SCORE_KEYS | {"no_obj_embed_spatial"} if name.startswith("sam2.1") else SCORE_KEYS


def build_published(name: str, image_size: int | None, object_scores: bool) -> Tracker:
    """A published size with random weights.

    Args:
        name: one of ``PUBLISHED``.
        image_size: side of the input in pixels; the published one, 1024, if None.
        object_scores: whether to build it with them.
    """
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from sansa_lightning.trackers.sam2.tracker import Sam2Tracker

    family, size = name.split("_hiera_")
    # Read as a file: composing it by hydra would need hydra's global state, which a caller may be using.
    config: Any = OmegaConf.load(str(files("sam2") / f"configs/{family}/{family}_hiera_{SIZES[size]}.yaml"))
    settings: dict[str, Any] = {"_target_": f"{Sam2Tracker.__module__}.{Sam2Tracker.__qualname__}"}
    settings |= {} if object_scores else WITHOUT_OBJECT_SCORES
    settings |= {} if image_size is None else {"image_size": image_size}
    built: Tracker = instantiate(OmegaConf.merge(config.model, settings), _recursive_=True)
    built.evaluated_at = EVALUATED_AT
    return built
