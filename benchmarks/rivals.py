"""What the throughput of this project is compared with: a loop of the published structure, and two video predictors."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from sansa_lightning.clips.frames import normalise

Episode = Callable[[Tensor, Tensor], Tensor]
"""From a clip, uint8 [T, 3, S, S], and the mask of its first frame, float32 [S, S] in {0, 1}, to logits of the others,
[T - 1, 4h, 4w]."""


def upstream_walk(sam: Any, images: Tensor, mask: Tensor) -> Tensor:
    """A clip by the sam2 package's own steps, frame after frame, as the published implementation goes.

    Every frame is encoded, also the reference of each target; each one's memory is written, the last one's too. The
    mask of a target is the best of three (docs/sansa.md 1.2).

    Args:
        sam: a SAM2Base, with or without a strategy.
        images: see :data:`Episode`.
        mask: likewise.
    """
    sam.multimask_output_in_sam = sam.multimask_output_for_tracking = True
    sam.multimask_min_pt_num, sam.multimask_max_pt_num = 0, 1
    outputs: dict[str, dict[int, Any]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    size = (sam.image_size, sam.image_size)
    found = []
    for number, image in enumerate(images):
        frame = F.interpolate(normalise(image[None]), size, mode="bilinear", align_corners=False, antialias=True)
        _, features, positions, sizes = sam._prepare_backbone_features(sam.forward_image(frame))
        given = F.interpolate(mask[None, None], size, mode="nearest") if number == 0 else None
        step = sam.track_step(
            frame_idx=number,
            is_init_cond_frame=number == 0,
            current_vision_feats=features,
            current_vision_pos_embeds=positions,
            feat_sizes=sizes,
            point_inputs=None,
            mask_inputs=given,
            output_dict=outputs,
            num_frames=len(images),
        )
        outputs["non_cond_frame_outputs" if number else "cond_frame_outputs"][number] = step
        found.append(step["pred_masks"][0, 0])
    return torch.stack(found[1:])


def video_predictor(name: str, image_size: int, state: dict[str, Tensor], device: torch.device) -> Episode:
    """Upstream's video predictor with the same weights; pictures go through JPEG files, which is not timed apart."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf
    from sam2.sam2_video_predictor import SAM2VideoPredictor

    from sansa_lightning.trackers.sam2 import configurations as ours

    family, size = name.split("_hiera_")
    config: Any = OmegaConf.load(str(ours.files("sam2") / f"configs/{family}/{family}_hiera_{ours.SIZES[size]}.yaml"))
    target = f"{SAM2VideoPredictor.__module__}.{SAM2VideoPredictor.__qualname__}"
    settings = {"_target_": target, "image_size": image_size, **ours.WITHOUT_OBJECT_SCORES}
    predictor = instantiate(OmegaConf.merge(config.model, settings), _recursive_=True).eval().to(device)
    predictor.load_state_dict(state)

    def episode(images: Tensor, mask: Tensor) -> Tensor:
        with tempfile.TemporaryDirectory() as folder:
            for number, image in enumerate(images.permute(0, 2, 3, 1).cpu().numpy()):
                Image.fromarray(image).save(Path(folder) / f"{number}.jpg")
            video = predictor.init_state(folder)
        predictor.add_new_mask(video, 0, 1, mask.bool())
        return torch.stack([logits[0, 0] for number, _, logits in predictor.propagate_in_video(video) if number])

    return episode


def transformers_session(device: torch.device) -> Episode:
    """The session of transformers, of SAM 2.1 tiny at 1024 px, with random weights: time does not depend on them."""
    from transformers import Sam2VideoConfig, Sam2VideoInferenceSession, Sam2VideoModel

    model: Any = Sam2VideoModel(Sam2VideoConfig()).eval().to(device)

    def episode(images: Tensor, mask: Tensor) -> Tensor:
        side = images.shape[-1]
        session: Any = Sam2VideoInferenceSession(normalise(images), side, side, dtype=torch.float32)
        session.add_mask_inputs(session.obj_id_to_idx(1), 0, mask[None, None])
        session.obj_with_new_inputs = [1]
        found = [model(session, frame_idx=number) for number in range(len(images))]
        return torch.stack([each.pred_masks[0, 0] for each in found[1:]])

    return episode
