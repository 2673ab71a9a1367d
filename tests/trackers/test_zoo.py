"""Names to bases: architectures, strict loading, where weights are looked for, fingerprints."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file

from builders import nano
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.trackers import zoo
from sansa_lightning.trackers.nano import build_nano
from sansa_lightning.trackers.sam2.configurations import left_over
from sansa_lightning.trackers.weights import find_weights, fingerprint, load_weights
from sansa_lightning.trackers.zoo import BASES, Base

if TYPE_CHECKING:
    from sansa_lightning.trackers.base import Tracker

# docs/sansa.md 1.1: what a published file has and a base without object scores has not.
SCORES = {
    "no_obj_ptr",
    "sam_mask_decoder.obj_score_token.weight",
    "sam_mask_decoder.pred_obj_score_head.layers.0.weight",
    "sam_mask_decoder.pred_obj_score_head.layers.0.bias",
    "sam_mask_decoder.pred_obj_score_head.layers.1.weight",
    "sam_mask_decoder.pred_obj_score_head.layers.1.bias",
    "sam_mask_decoder.pred_obj_score_head.layers.2.weight",
    "sam_mask_decoder.pred_obj_score_head.layers.2.bias",
}
STOCK_SIZE = {"tiny": 38.95, "base_plus": 80.83, "large": 224.43}  # docs/sansa.md 2, millions of parameters, SAM 2.0
PUBLISHED = [
    pytest.param(family, size, marks=pytest.mark.slow if size in ("base_plus", "large") else ())
    for family in ("sam2", "sam2.1")
    for size in ("tiny", "small", "base_plus", "large")
]


def shapes(sam: Tracker) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in sam.state_dict().items()}


def state_of(sam: Tracker, extra: set[str] | frozenset[str] = frozenset()) -> dict[str, torch.Tensor]:
    return {**sam.state_dict(), **{key: torch.ones(1) for key in extra}}


def same(first: Tracker, second: Tracker) -> bool:
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


# --- architectures ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("family", "size"), PUBLISHED)
def test_published_architectures_lack_exactly_the_object_scores(family: str, size: str) -> None:
    from sam2.build_sam import HF_MODEL_ID_TO_FILENAMES, build_sam2

    name = f"{family}_hiera_{size}"
    config, file = HF_MODEL_ID_TO_FILENAMES[f"facebook/{name.replace('_', '-')}"]
    assert file == f"{name}.pt"
    stock = build_sam2(config, device="cpu")
    ours, theirs = shapes(Base(name, weights=None).random()), shapes(stock)
    assert theirs.keys() - ours.keys() == SCORES | ({"no_obj_embed_spatial"} if family == "sam2.1" else set())
    assert ours.items() <= theirs.items()
    if family == "sam2" and size in STOCK_SIZE:
        assert sum(parameter.numel() for parameter in stock.parameters()) / 1e6 == pytest.approx(
            STOCK_SIZE[size], abs=0.006
        )


def test_switches_of_the_specification() -> None:
    """docs/sansa.md 1.1, for nano as for tiny."""
    for name in ("nano", "sam2_hiera_tiny"):
        sam = Base(name, weights=None).random()
        assert sam.clip_size == {"nano": 96, "sam2_hiera_tiny": 640}[name]
        assert not sam.pred_obj_scores
        assert not sam.fixed_no_obj_ptr
        assert not sam.soft_no_obj_ptr
        assert not sam.add_tpos_enc_to_obj_ptrs
        assert not sam.binarize_mask_from_pts_for_mem_enc
        assert not sam.non_overlap_masks_for_mem_enc
        assert not sam.sam_mask_decoder.dynamic_multimask_via_stability
        assert sam.no_obj_embed_spatial is None
        assert sam.directly_add_no_mem_embed
        assert sam.use_multimask_token_for_obj_ptr
        assert (sam.num_maskmem, sam.max_obj_ptrs_in_encoder, sam.max_cond_frames_in_attn) in (
            (7, 16, -1),
            (7, 16, None),
        )
        assert (sam.sigmoid_scale_for_mem_enc, sam.sigmoid_bias_for_mem_enc) == (20.0, -10.0)
    assert (sam.image_size, sam.backbone_stride) == (1024, 16)


def test_a_hydra_of_the_callers_is_left_as_it_is(tmp_path: Path) -> None:
    """Inside a context of the caller's, after it and without one: every time the package's own configurations."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.version import getbase
    from sam2.build_sam import build_sam2

    def state() -> tuple[Any, ...]:
        return GlobalHydra.instance(), GlobalHydra.instance().hydra, getbase()

    (tmp_path / "own.yaml").write_text("a: 1\n")
    name = "configs/sam2/sam2_hiera_t.yaml"
    assert build_sam2(name, device="cpu").image_size == 1024  # by the hydra that importing sam2 started
    of_sam2 = state()
    assert not Base("sam2_hiera_tiny", weights=None).random().pred_obj_scores
    assert state() == of_sam2
    GlobalHydra.instance().clear()  # or hydra takes no other
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        inside = state()
        assert Base("sam2_hiera_tiny", weights=None, object_scores=True).random().pred_obj_scores
        assert state() == inside
        assert compose("own").a == 1
    assert not GlobalHydra.instance().is_initialized()
    GlobalHydra.instance().hydra = of_sam2[1]
    assert build_sam2(name, device="cpu").image_size == 1024


@pytest.mark.slow
def test_sam2_imported_inside_a_hydra_of_the_callers(tmp_path: Path) -> None:
    """Then sam2 itself starts no hydra, and none may be left behind."""
    code = f"""
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from sansa_lightning.trackers.zoo import Base
with initialize_config_dir({str(tmp_path)!r}, version_base=None):
    assert Base("sam2_hiera_tiny", weights=None).random().image_size == 1024
    assert compose("own").a == 1
assert not GlobalHydra.instance().is_initialized()
assert Base("sam2_hiera_tiny", weights=None).random().image_size == 1024
print("fine")
"""
    (tmp_path / "own.yaml").write_text("a: 1\n")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert run.stdout == "fine\n", run.stderr


def test_names() -> None:
    assert BASES[0] == "nano"
    assert BASES[-1] == "sam3"
    assert len(BASES) == 10
    with pytest.raises(ValueError, match=r"Base\.name: expected one of nano, sam2_hiera_tiny, .*, but got 'sam2_tiny'"):
        Base("sam2_tiny")


# --- random weights ---------------------------------------------------------------------------------------------------


def test_random_weights_say_so_and_follow_the_seed(caplog: pytest.LogCaptureFixture) -> None:
    first = Base("nano", weights=None, seed=3).build()
    assert caplog.records[0].levelname == "WARNING"
    assert "nano has RANDOM weights (weights: null, seed 3)" in caplog.text
    torch.rand(7)
    assert same(first, Base("nano", weights=None, seed=3).build())
    assert not same(first, Base("nano", weights=None, seed=4).build())
    assert not any(module.training for module in first.modules())


def test_building_leaves_the_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    Base("nano", weights=None).build()
    assert torch.equal(torch.random.get_rng_state(), before)


# --- loading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [set(), SCORES], ids=["none left over", "all left over"])
@pytest.mark.parametrize("layout", ["official", "bare", "safetensors"])
def test_layouts_of_weights(tmp_path: Path, layout: str, extra: set[str], caplog: pytest.LogCaptureFixture) -> None:
    state, path = state_of(nano(seed=5), extra), tmp_path / "w.pt"
    if layout == "safetensors":
        path = path.with_suffix(".safetensors")
        save_file({key: value.contiguous() for key, value in state.items()}, path)
    else:
        torch.save({"model": state} if layout == "official" else state, path)
    sam = Base("nano", weights=path).build()
    assert same(sam, nano(seed=5))
    assert not caplog.records


def drop(*keys: str) -> Any:
    return lambda state: [state.pop(key) for key in keys]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("no_mem_embed", "maskmem_tpos_enc"), "missing 2 tensors, first maskmem_tpos_enc"),
        (drop("no_obj_ptr"), "missing 1 tensor, first no_obj_ptr"),
        (lambda s: s.update(extra=torch.ones(1)), "unexpected 1 tensor, first extra"),
        (
            lambda s: s.update(no_mem_embed=torch.ones(1, 1, 256)),
            r"1 tensor of another size, first no_mem_embed: \[1, 1, 256\]",
        ),
        (
            lambda s: s.update(no_mem_embed=s["no_mem_embed"].to(torch.int8)),
            "1 tensor of another type, first no_mem_embed: int8; expected float16",
        ),
        (
            lambda s: s["no_mem_embed"].fill_(torch.nan),
            "1 tensor with NaN or infinity, first no_mem_embed: 96 of its 96 values are not finite",
        ),
        (
            lambda s: s.update(no_mem_embed=s["no_mem_embed"].to("meta")),
            r"1 entry other than dense tensors, first no_mem_embed: a tensor without numbers \(meta\)",
        ),
        (
            lambda s: (s.clear(), s.update(epoch=torch.ones(1))),
            r"missing \d+ tensors, .*; unexpected 1 tensor, first epoch",
        ),
    ],
)
def test_weights_that_do_not_fit_copy_nothing(tmp_path: Path, change: Any, message: str) -> None:
    path, state = tmp_path / "w.pt", state_of(nano(seed=5), SCORES)
    change(state)
    torch.save({"model": state}, path)
    sam = nano()
    with pytest.raises(ValueError, match=rf"weights: .*w\.pt does not fit this base: .*{message}"):
        load_weights(sam, path, left_over("nano", object_scores=False))
    assert same(sam, nano())


@pytest.mark.parametrize(("dtype", "value"), [(torch.int8, 1), (torch.float32, torch.inf), (torch.float16, torch.nan)])
def test_safetensors_are_looked_at_too(tmp_path: Path, dtype: torch.dtype, value: float) -> None:
    state, path = dict(nano(seed=5).state_dict()), tmp_path / "w.safetensors"
    state["no_mem_embed"] = torch.full_like(state["no_mem_embed"], value, dtype=dtype)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    sam = nano()
    with pytest.raises(ValueError, match=r"w\.safetensors does not fit this base: 1 tensor .*, first no_mem_embed: "):
        load_weights(sam, path, left_over("nano", object_scores=False))
    assert same(sam, nano())


def test_left_overs_of_2_1_belong_to_2_1_only(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(state_of(nano(), SCORES | {"no_obj_embed_spatial"}), path)
    with pytest.raises(ValueError, match=r"unexpected 1 tensor, first no_obj_embed_spatial"):
        Base("nano", weights=path).build()


def test_weights_of_another_size(tmp_path: Path) -> None:
    path = tmp_path / "sam2_hiera_small.pt"
    torch.save({"model": state_of(nano())}, path)
    with pytest.raises(
        ValueError, match=r"sam2_hiera_small\.pt does not fit this base: .*tensors of another size, first"
    ):
        Base("sam2_hiera_tiny", weights=path).build()


def test_something_else_under_model(tmp_path: Path) -> None:
    torch.save({"model": "tiny"}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"w\.pt: expected a state dict under 'model', but got str"):
        load_weights(nano(), tmp_path / "w.pt")


@pytest.mark.parametrize("under", [lambda state: {"model": state}, lambda state: state], ids=["model", "bare"])
def test_keys_that_are_no_names(tmp_path: Path, under: Any) -> None:
    torch.save(under({1: torch.zeros(2)}), tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"w\.pt: expected tensors by their names, but got one under the key 1$"):
        load_weights(nano(), tmp_path / "w.pt")


# --- where weights are looked for -------------------------------------------------------------------------------------


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"weights of nano: .*no\.pt is not a file; give a path, 'official', or null"
    ):
        Base("nano", weights=tmp_path / "no.pt").build()


def test_a_path_may_start_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "w.pt").touch()
    assert find_weights("nano", "~/w.pt") == tmp_path / "w.pt"


def test_the_folder_of_the_environment_comes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda **_: "/from/the/hub")
    monkeypatch.setenv("SANSA_WEIGHTS", str(tmp_path))
    assert find_weights("sam2.1_hiera_large", "official") == Path("/from/the/hub")
    (tmp_path / "sam2.1_hiera_large.pt").touch()
    assert find_weights("sam2.1_hiera_large", "official") == tmp_path / "sam2.1_hiera_large.pt"
    assert find_weights("sam2.1_hiera_tiny", "official") == Path("/from/the/hub")


def hub_cache(folder: Path, content: bytes) -> Path:
    """A file as the hub's client keeps it: a link to a blob that is named by its SHA-256."""
    blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
    link = folder / "snapshots" / "0123abc" / "sam2_hiera_base_plus.pt"
    blob.parent.mkdir(parents=True)
    link.parent.mkdir(parents=True)
    blob.write_bytes(content)
    link.symlink_to(os.path.relpath(blob, link.parent))
    return link


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the hub was asked for; it answers with a file of its cache."""
    wanted: dict[str, str] = {}
    link = hub_cache(tmp_path, b"weights")
    monkeypatch.delenv("SANSA_WEIGHTS", raising=False)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda **names: (wanted.update(names), str(link))[1])
    return wanted


def test_a_whole_file_of_the_hub(tmp_path: Path, asked: dict[str, str]) -> None:
    path = find_weights("sam2_hiera_base_plus", "official")
    assert path.read_bytes() == b"weights"
    assert asked == {"repo_id": "facebook/sam2-hiera-base-plus", "filename": "sam2_hiera_base_plus.pt"}


def test_a_corrupt_file_of_the_hub(tmp_path: Path, asked: dict[str, str]) -> None:
    blob = next((tmp_path / "blobs").iterdir())
    blob.write_bytes(b"weighty")
    with pytest.raises(
        ValueError, match=rf"{blob} is corrupt \(SHA-256 differs from the hub's\); delete it and run again"
    ):
        find_weights("sam2_hiera_base_plus", "official")
    assert asked


@pytest.mark.slow
def test_offline_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("SANSA_WEIGHTS", "HF_HUB_CACHE")}
    environment |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    code = (
        "from sansa_lightning.trackers.weights import find_weights\n"
        "try:\n    find_weights('sam2.1_hiera_small', 'official')\n"
        "except FileNotFoundError as error:\n    print(error)"
    )
    lines = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(lines) == 1
    for part in ("sam2.1_hiera_small.pt", "facebook/sam2.1-hiera-small", "SANSA_WEIGHTS", "set weights to its path"):
        assert part in lines[0]


# --- fingerprint ------------------------------------------------------------------------------------------------------


def test_fingerprint_changes_with_one_weight() -> None:
    sam = nano()
    before = fingerprint(sam)
    assert len(before) == 64
    assert fingerprint(nano()) == before
    sam.memory_attention.norm.bias.data[3] += 1e-6
    assert fingerprint(sam) != before


def test_fingerprint_does_not_depend_on_order_precision_or_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    sam = nano()
    before = fingerprint(sam)
    assert fingerprint(nano().double()) == before
    assert fingerprint(nano().to(memory_format=torch.channels_last)) == before
    assert fingerprint(nano().train().requires_grad_(False)) == before
    state = sam.state_dict()
    monkeypatch.setattr(sam, "state_dict", lambda: dict(reversed(state.items())))
    assert list(sam.state_dict()) != list(state)
    assert fingerprint(sam) == before


def test_fingerprint_is_taken_before_a_strategy_is_attached() -> None:
    sam = nano()
    before = fingerprint(sam)
    AdaptFormer((3,)).attach(sam)
    assert fingerprint(sam) != before


def test_a_tracker_of_ones_own_brings_its_weights(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is published of it, and nothing looked for; of null it is said that it has learnt nothing."""
    monkeypatch.setattr(zoo, "own_tracker", lambda _: build_nano)
    assert Base("mine.Own").build().clip_size == 96
    assert not caplog.messages
    Base("mine.Own", weights=None).build()
    assert "mine.Own has RANDOM weights" in caplog.text
