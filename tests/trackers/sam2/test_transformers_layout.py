"""SAM 2's weights from the transformers library: every size's names, and equal results of a model with such weights."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from builders import frames
from sansa_lightning.ablate.counting import WithoutInitialisation
from sansa_lightning.trackers.sam2.configurations import PUBLISHED, build_published
from sansa_lightning.trackers.sam2.transformers_layout import POINTS, POSITIONS_AGAIN, official_layout
from sansa_lightning.trackers.weights import find_weights
from sansa_lightning.trackers.zoo import Base
from video_sessions import by_session, by_tracker, random_weights

pytest.importorskip("transformers")

SIDE = 256
WIDTHS = {"tiny": 96, "small": 96, "base_plus": 112, "large": 144}


def hiera(size: str) -> dict[str, Any]:
    """The library's settings of a trunk, from the sam2 package's."""
    import sam2

    letter = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}[size]
    path = Path(sam2.__file__).parent / "configs" / "sam2.1" / f"sam2.1_hiera_{letter}.yaml"
    model = yaml.safe_load(path.read_text())["model"]
    trunk = {
        "stages": [2, 3, 16, 3],
        "global_att_blocks": [12, 16, 20],
        "window_pos_embed_bkg_spatial_size": [14, 14],
        "window_spec": [8, 4, 14, 7],
        **model["image_encoder"]["trunk"],
    }
    width, heads = trunk["embed_dim"], trunk["num_heads"]
    return {
        "hidden_size": width,
        "num_attention_heads": heads,
        "window_positional_embedding_background_size": trunk["window_pos_embed_bkg_spatial_size"],
        "blocks_per_stage": trunk["stages"],
        "embed_dim_per_stage": [width * 2**stage for stage in range(4)],
        "num_attention_heads_per_stage": [heads * 2**stage for stage in range(4)],
        "window_size_per_stage": trunk["window_spec"],
        "global_attention_blocks": trunk["global_att_blocks"],
    }


def library_model(name: str, side: int = 1024) -> Any:
    from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig
    from transformers.models.sam2_video.configuration_sam2_video import Sam2VideoPromptEncoderConfig

    family, size = name.split("_hiera_")
    trunk, newer, grid = Sam2HieraDetConfig(**hiera(size)), family == "sam2.1", side // 16
    vision = Sam2VisionConfig(
        backbone_config=trunk,
        backbone_channel_list=trunk.embed_dim_per_stage[::-1],
        backbone_feature_sizes=[[4 * grid] * 2, [2 * grid] * 2, [grid] * 2],
    )
    config = Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config=Sam2VideoPromptEncoderConfig(image_size=side),
        image_size=side,
        memory_attention_rope_feat_sizes=[grid, grid],
        enable_temporal_pos_encoding_for_object_pointers=newer,
        enable_occlusion_spatial_embedding=newer,
    )
    return Sam2VideoModel(config).eval()


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_name_and_shape_of_every_size_is_the_official_one(name: str) -> None:
    with torch.device("meta"):
        theirs = library_model(name).state_dict()
    with WithoutInitialisation():
        ours = build_published(name, None, object_scores=True).state_dict()
    dense = {
        key: torch.zeros(1).expand(value.shape).clone() if key == POINTS else value for key, value in theirs.items()
    }
    found = official_layout({key: value for key, value in dense.items() if key != POSITIONS_AGAIN})
    assert {key: value.shape for key, value in found.items()} == {key: value.shape for key, value in ours.items()}


@cache
def tiny() -> Any:
    torch.manual_seed(0)
    model = library_model("sam2.1_hiera_tiny", SIDE)
    random_weights(model)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the library saves."""
    place = tmp_path_factory.mktemp("transformers")
    tiny().save_pretrained(place)
    return place


def built(weights: Path, **more: Any) -> Any:
    return Base("sam2.1_hiera_tiny", weights=weights, image_size=SIDE, **{"object_scores": True, **more}).build()


@pytest.mark.slow
def test_features_and_a_tracked_video_are_the_librarys(folder: Path) -> None:
    from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

    tracker, video = built(folder), frames(1, 4, (SIDE, SIDE))[0]
    with torch.inference_mode():
        features, expected = tracker.encode(video[:2]), tiny().get_image_features(video[:2], return_dict=True)
    for level, ours in enumerate((*features.fine, features.image)):
        theirs = expected.fpn_hidden_states[level].permute(1, 2, 0).reshape_as(ours)
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    mask = torch.zeros(SIDE, SIDE)
    mask[60:150, 80:170] = 1
    found = by_tracker(tracker, video, mask, SIDE)
    theirs = by_session(tiny(), Sam2VideoInferenceSession, video, mask)
    assert theirs.std() > 0.1
    torch.testing.assert_close(found, theirs, rtol=0, atol=1e-4)


def test_clicks_are_embedded_as_by_the_library(folder: Path) -> None:
    tracker = built(folder)
    coords, labels = torch.tensor([[[30.0, 40.5], [200, 9]], [[5, 60], [100, 120]]]), torch.tensor([[1, 0], [2, 3]])
    with torch.inference_mode():
        ours, _ = tracker.sam_prompt_encoder(points=(coords, labels), boxes=None, masks=None)
        theirs, _ = tiny().prompt_encoder(coords[:, None], labels[:, None], None, None)
    torch.testing.assert_close(ours, theirs[:, 0], rtol=0, atol=1e-5)


def test_without_object_scores_theirs_are_left_over(folder: Path) -> None:
    with_scores, without = built(folder).state_dict(), built(folder, object_scores=False).state_dict()
    assert len(with_scores) > len(without)
    assert all(torch.equal(value, with_scores[key]) for key, value in without.items())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("no_memory_embedding"), "missing 1 tensor, first no_mem_embed"),
        (lambda s: s.update(more=torch.ones(1)), "unexpected 1 tensor, first more"),
        (
            lambda s: s.update({POSITIONS_AGAIN: s[POSITIONS_AGAIN] + 1}),
            r"unexpected 1 tensor, first sam_prompt_encoder\.shared_embedding\.positional_embedding",
        ),
        (
            lambda s: s.update({POINTS: torch.ones(3)}),
            r"missing 4 tensors, first sam_prompt_encoder\.point_embeddings\.0",
        ),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    state = {key: value.clone().contiguous() for key, value in tiny().state_dict().items()}
    change(state)
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=rf"model\.safetensors does not fit this base: {message}"):
        built(tmp_path / "model.safetensors")


def test_the_official_layout_stays_as_it_is() -> None:
    state = {"no_mem_embed": torch.ones(1), "image_encoder.neck.convs.0.conv.bias": torch.ones(2)}
    assert official_layout(state) is state


def test_a_repository_of_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, str] = {}
    monkeypatch.setattr(
        "huggingface_hub.hf_hub_download", lambda **names: (asked.update(names), str(tmp_path / "m"))[1]
    )
    assert find_weights("sam2.1_hiera_tiny", "hf://facebook/sam2.1-hiera-tiny") == tmp_path / "m"
    assert asked == {"repo_id": "facebook/sam2.1-hiera-tiny", "filename": "model.safetensors"}


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"weights of nano: .*model\.safetensors is not a file; give a path"):
        find_weights("nano", tmp_path)
