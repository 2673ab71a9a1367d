"""Checkpoints of trained tensors: our own, and the published SANSA layouts."""

from __future__ import annotations

import argparse
import os
import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from builders import frames, largest_difference, mask_prompt, nano, randomise
from sansa_lightning.checkpoints.adapters import attach_from, scored_as_trained
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.checkpoints.published import published_adapter, published_state
from sansa_lightning.checkpoints.trained import load_trained, trained_state
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.model import ModelParts, header
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.frozen import Frozen
from sansa_lightning.trackers.weights import fingerprint
from sansa_lightning.trackers.zoo import Base

if TYPE_CHECKING:
    from sansa_lightning.trackers.base import Tracker

SETTINGS = {"placement": (1, 3), "factor": 0.5, "hidden_rule": "paper", "scale": 0.2}


def trained(strategy: Strategy) -> Tracker:
    """A nano with a strategy attached and random values in it."""
    sam = nano()
    strategy.attach(sam)
    randomise(sam)
    return sam


def logits_of(sam: Tracker) -> Tensor:
    with torch.inference_mode():
        return Propagation()(sam, frames(1, 3), [[mask_prompt()]]).logits


def own(strategy: Strategy | None = None) -> dict[str, Any]:
    """The content of a checkpoint as the LightningModule writes it."""
    strategy = strategy or AdaptFormer(**SETTINGS)
    sam = trained(strategy)
    state = {f"base.{name}": value for name, value in trained_state(sam).items()}
    return {HEADER: header(strategy, Sansa(), "nano", fingerprint(nano())), "state_dict": state, "epoch": 2}


def published(prefix: str = "sam.", **settings: Any) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in trained_state(trained(AdaptFormer(**settings))).items()}


def written(folder: Path, content: Any) -> Path:
    path = folder / "adapter.pth"
    torch.save(content, path)
    return path


# --- our own ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "strategy", [AdaptFormer(**SETTINGS), AdaptFormer((3,), hidden={6: 9}), Frozen()], ids=["paper", "hidden", "Frozen"]
)
def test_our_own_file_brings_strategy_and_tensors_back(tmp_path: Path, strategy: Strategy) -> None:
    sam = nano()
    found = attach_from(written(tmp_path, own(strategy)), sam)
    assert type(found) is type(strategy)
    assert found.settings() == strategy.settings()
    assert torch.equal(logits_of(sam), logits_of(trained(strategy)))


def test_only_what_trains_is_kept() -> None:
    sam = trained(AdaptFormer((3,)))
    state = trained_state(sam)
    assert len(state) == 6
    assert all(".adapter." in name and not value.requires_grad for name, value in state.items())


def test_a_file_of_another_base(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"adapter\.pth: its base fingerprint is '\w{64}', but here it is '\w{64}'; use the base that"
    ):
        attach_from(written(tmp_path, own()), nano(seed=1))


def test_a_strategy_that_nobody_imported(tmp_path: Path) -> None:
    content = own()
    content[HEADER]["strategy"]["class"] = "Unheard"
    with pytest.raises(ValueError, match=r"strategy 'Unheard' is not known; .*known: \['AdaptFormer', .*'Frozen'"):
        attach_from(written(tmp_path, content), nano())


def test_a_strategy_of_somebody_elses(tmp_path: Path) -> None:
    class Norms(AdaptFormer):
        """Stands for one that a user wrote and imported."""

    sam = nano()
    assert type(attach_from(written(tmp_path, own(Norms(**SETTINGS))), sam)) is Norms


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("state_dict"), r"not a whole checkpoint of this project: its 'state_dict' is missing"),
        (
            lambda c: c.update(state_dict=[1]),
            r"not a whole checkpoint .*: its 'state_dict' is a list; expected a map",
        ),
        (
            lambda c: c.update(state_dict=None),
            r"not a whole checkpoint .*: its 'state_dict' is a NoneType; expected",
        ),
        (lambda c: c.update({HEADER: "1.0"}), r"not a whole checkpoint .*: its 'sansa_lightning' is a str; expected"),
        (lambda c: c[HEADER].pop("strategy"), r"not a whole checkpoint of this project: its 'strategy' is missing"),
        (
            lambda c: c[HEADER].update(base=["nano"]),
            r"not a whole checkpoint of this project: its 'base' is a list",
        ),
        (
            lambda c: c[HEADER]["strategy"].update({"class": 3}),
            r"checkpoint of this project: its 'class' is a int",
        ),
        (lambda c: c[HEADER]["strategy"].update(settings=[]), r"its 'settings' is a list; expected a mapping"),
        (lambda c: c[HEADER]["strategy"]["settings"].update(scale=torch.ones(1)), r"holds a Tensor, not a plain value"),
        (lambda c: c[HEADER]["strategy"]["settings"].update(placement=itself()), r"holds a container without end"),
        (lambda c: c[HEADER]["strategy"]["settings"].update(rank=4), r"unexpected keyword argument 'rank'"),
        (lambda c: c["state_dict"].clear(), r"does not fit what trains here: missing 12 tensors, first image_encoder"),
        (lambda c: c["state_dict"].update(odd=torch.ones(1)), r"does not fit .*: unexpected 1 name, first 'odd'"),
        (
            lambda c: c["state_dict"].update({3: torch.ones(1)}),
            r"its 'state_dict' has 1 key other than names, first 3",
        ),
        (
            lambda c: c[HEADER]["strategy"]["settings"].update(factor=0.3),
            r"tensors of another size, first .*down_proj\.bias: \[32\] in the file, \[19\] here",
        ),
        (
            lambda c: c[HEADER]["strategy"]["settings"].update(hidden={1: 10**9, 6: 10**9}, placement=["blocks", 1]),
            r"adapter\.pth: AdaptFormer\.placement: expected",
        ),
        (
            lambda c: c[HEADER]["strategy"]["settings"].update(hidden={1: 10**9, 5: 10**9, 6: 10**9}),
            r"adapter\.pth: AdaptFormer\.hidden: expected a width for each of the blocks \[1, 6\]",
        ),
        (  # it would need 2 TB
            lambda c: c[HEADER]["strategy"]["settings"].update(hidden={1: 10**9, 6: 10**9}),
            r"tensors of another size, first .*down_proj\.bias: \[32\] in the file, \[1000000000\] here",
        ),
    ],
)
@pytest.mark.slow
def test_damaged_files_of_our_own(tmp_path: Path, change: Any, message: str) -> None:
    content, sam = own(), nano()
    change(content)
    with pytest.raises(ValueError, match=message) as caught:
        attach_from(written(tmp_path, content), sam)
    assert "\n" not in str(caught.value)
    assert attach_from(written(tmp_path, own()), sam).settings()["scale"] == 0.2  # the refusal left the base alone


def itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


OTHER = r"1 tensor of another type, first {}: %s; expected float16, bfloat16, float32, float64"
KINDS = {
    "int8": (lambda value: value.to(torch.int8), OTHER % "int8"),
    "float8": (lambda value: value.to(torch.float8_e4m3fn), OTHER % "float8_e4m3fn"),
    "complex": (lambda value: value.to(torch.complex64), OTHER % "complex64"),
    "nan": (
        lambda value: value.index_fill(0, torch.tensor([0]), torch.nan),
        r"first {}: 1 of its \d+ values are not fin",
    ),
    "inf": (
        lambda value: value / 0,
        r"1 tensor with NaN or infinity, first {}: (?P<n>\d+) of its (?P=n) values are not",
    ),
    "too large": (
        lambda value: value.double() + 1e300,
        r"with NaN or infinity, first {}: (?P<n>\d+) of its (?P=n) val",
    ),
    "meta": (lambda value: value.to("meta"), r"1 entry .*, first .*{}'?: a tensor without numbers \(meta\)"),
    "sparse": (lambda value: value.to_sparse(), r"1 entry .*, first .*{}'?: a tensor of layout sparse_coo"),
    "quantised": (
        lambda value: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8),
        r"1 entry other than dense tensors, first .*{}'?: a quantised tensor \(qint8\)",
    ),
    "repeated": (
        lambda value: value.flatten()[:1].clone().expand(value.shape),
        r"1 entry other than dense tensors, first .*{}'?: a view that repeats its numbers, as \[",
    ),
}
"""What a tensor must not be, and what is said of it."""


@pytest.mark.filterwarnings("ignore:.*quantize_per_tensor")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["own", "published"])
def test_tensors_of_another_kind_are_not_copied(tmp_path: Path, layout: str, kind: str) -> None:
    change, message = KINDS[kind]
    content = own() if layout == "own" else {"model": published()}
    state = content["state_dict" if layout == "own" else "model"]
    first = min(state)
    state[first] = change(state[first])
    name = first.removeprefix("base.").removeprefix("sam.")
    with pytest.raises(ValueError, match=r"adapter\.pth.*" + message.format(re.escape(name))):
        attach_from(written(tmp_path, content), nano())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_types_are_converted(tmp_path: Path, dtype: torch.dtype) -> None:
    content, sam = own(), nano()
    content["state_dict"] = {name: value.to(dtype) for name, value in content["state_dict"].items()}
    attach_from(written(tmp_path, content), sam)
    for name, value in trained_state(sam).items():
        assert value.dtype == torch.float32
        assert torch.equal(value, content["state_dict"][f"base.{name}"].float())


def test_two_names_of_one_tensor_are_refused(tmp_path: Path) -> None:
    """Which of the two was loaded would be chance."""
    state = published()
    key = next(iter(state))
    state[f"module.{key}"] = state[key] + 1
    with pytest.raises(ValueError, match=r"adapter\.pth: image_encoder\.\S+ occurs twice, with different prefixes"):
        attach_from(written(tmp_path, {"model": state}), nano())
    content = own()
    key = next(iter(content["state_dict"]))
    content["state_dict"][key.removeprefix("base.")] = content["state_dict"][key] + 1
    with pytest.raises(ValueError, match=r"unexpected 1 name, first 'image_encoder\.\S+'; expected base\.<\.\.\.>"):
        attach_from(written(tmp_path, content), nano())


def test_nothing_is_copied_when_something_does_not_fit() -> None:
    sam = trained(AdaptFormer((3,)))
    before = {name: value.clone() for name, value in trained_state(sam).items()}
    state = {name: torch.zeros_like(value) for name, value in before.items()}
    state.popitem()
    with pytest.raises(ValueError, match="run/x does not fit what trains here: missing 1 tensor"):
        load_trained(sam, state, "run/x")
    assert all(torch.equal(value, before[name]) for name, value in trained_state(sam).items())


# --- published --------------------------------------------------------------------------------------------------------

LAYOUTS = {
    "as the released trainer writes it": lambda state: {
        "model": state,
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]},
        "lr_scheduler": {"last_epoch": 3},
        "epoch": 4,
        "args": argparse.Namespace(
            **{"adaptformer_stages": [2, 3], "channel_factor": 0.3, "dataset_file": "coco", "resume": "", "fold": 0},
            **{
                "output_dir": Path("output"),
                "device": torch.device("cuda"),
                "distributed": False,
                "betas": (0.9, 0.999),
            },
        ),
    },
    "bare": dict,
    "module. prefix": lambda state: {"model": {f"module.{key}": value for key, value in state.items()}},
    "no sam. prefix": lambda state: {key.removeprefix("sam."): value for key, value in state.items()},
    "left-overs of a FLOP counter": lambda state: {
        "model": {**state, "sam.image_encoder.total_ops": torch.zeros(1), "sam.total_params": torch.zeros(1)}
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_published_layouts(tmp_path: Path, layout: str) -> None:
    sam = nano()
    strategy = attach_from(written(tmp_path, LAYOUTS[layout](published())), sam)
    assert isinstance(strategy, AdaptFormer)
    assert torch.equal(logits_of(sam), logits_of(trained(AdaptFormer())))


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{"hidden_rule": "paper", "factor": 0.8}, {"placement": (1, 2, 3)}, {"placement": (0,)}, {"placement": (1, 3)}],
)
def test_widths_and_stages_come_from_the_file(tmp_path: Path, settings: dict[str, Any]) -> None:
    sam = nano()
    strategy = attach_from(written(tmp_path, published(**settings)), sam)
    assert strategy.placement == settings.get("placement", (2, 3))
    assert torch.equal(logits_of(sam), logits_of(trained(AdaptFormer(**settings))))


def test_an_imported_adapter_can_be_saved_as_our_own(tmp_path: Path) -> None:
    sam, again = nano(), nano()
    strategy = attach_from(written(tmp_path, published(factor=0.8)), sam)
    state = {f"base.{name}": value for name, value in trained_state(sam).items()}
    content = {HEADER: header(strategy, Sansa(), "nano", fingerprint(nano())), "state_dict": state}
    attach_from(written(tmp_path, content), again)
    assert largest_difference(logits_of(sam), logits_of(again)) == 0


KEY = "sam.image_encoder.trunk.blocks.{}.adapter.{}"


def drop(*keys: str) -> Any:
    return lambda state: [state.pop(key) for key in keys]


def resize(key: str, shape: tuple[int, ...]) -> Any:
    return lambda state: state.update({key: torch.zeros(shape)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            resize(KEY.format(6, "up_proj.bias"), (255,)),
            r"first image_encoder.*up_proj\.bias: \[255\] in the file, \[256\]",
        ),
        (
            resize(KEY.format(6, "down_proj.weight"), (4, 96)),
            r"blocks\.6\.adapter\.down_proj\.weight is \[4, 96\], but block 6",
        ),
        (resize(KEY.format(6, "down_proj.weight"), (9,)), r"down_proj\.weight is \[9\], but block 6"),
        (drop(KEY.format(6, "up_proj.bias")), r"block 6 has 5 of 6 tensors"),
        (drop(KEY.format(4, "down_proj.weight")), r"block 4 has 5 of 6 tensors"),
        (resize("sam.image_encoder.neck.weight", (1,)), r"unexpected key 'sam\.image_encoder\.neck\.weight'; expected"),
        (resize(KEY.format(6, "gate.weight"), (1,)), r"unexpected key '.*gate\.weight'"),
        (lambda state: state.update({KEY.format(6, "up_proj.bias"): 3}), r"unexpected key '.*up_proj\.bias'"),
    ],
)
def test_published_files_that_do_not_fit(tmp_path: Path, change: Any, message: str) -> None:
    state = published()
    change(state)
    with pytest.raises(ValueError, match=rf"adapter .*adapter\.pth.*{message}"):
        attach_from(written(tmp_path, {"model": state}), nano())


@pytest.mark.parametrize(("base", "remarks"), [("sam2.1_hiera_tiny", 1), ("sam2_hiera_tiny", 0), ("nano", 0)])
def test_a_published_file_on_a_base_of_another_release_is_told(
    base: str, remarks: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It fits, since the encoders have the same shapes."""
    sam = nano()
    sam.built_from = Base(base, None)
    attach_from(written(tmp_path, published()), sam)
    said = [text for text in caplog.messages if "were trained on SAM 2.0, but the base is sam2.1_hiera_tiny" in text]
    assert len(said) == remarks


def test_half_a_stage(tmp_path: Path) -> None:
    state = {key: value for key, value in published().items() if "blocks.4." not in key}
    with pytest.raises(ValueError, match=r"blocks \[2, 3, 5, 6\] are not whole stages of this base"):
        attach_from(written(tmp_path, state), nano())


@pytest.mark.parametrize(("channels", "block"), [(384, 3), (256, 11)])
def test_a_file_of_another_size(tmp_path: Path, channels: int, block: int) -> None:
    """Blocks of sam2_hiera_tiny have other widths than nano's, or are not there."""
    shapes = {"down_proj.weight": (9, channels), "up_proj.weight": (channels, 9), "down_proj.bias": (9,)}
    shapes |= dict.fromkeys(("up_proj.bias", "adapter_layer_norm_before.weight"), (channels,))
    shapes["adapter_layer_norm_before.bias"] = (channels,)
    state = {KEY.format(block, part): torch.zeros(shape) for part, shape in shapes.items()}
    with pytest.raises(ValueError, match=rf"block.{block}.*(another size|the base lacks it)"):
        attach_from(written(tmp_path, state), nano())


# --- published, in the place of a checkpoint --------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_published_file_is_known_by_its_names(tmp_path: Path, layout: str) -> None:
    path, content = tmp_path / "adapter.pth", LAYOUTS[layout](published())
    assert published_adapter(content, path, "test") == path
    with pytest.raises(ValueError, match=r"adapter\.pth is a published adapter, .*; validate, test, predict and"):
        published_adapter(content, path, "fit")


@pytest.mark.parametrize("content", [own(), {"model": {"weight": torch.zeros(2)}}, {1: torch.zeros(2)}, {"model": 3}])
def test_other_files_are_none(tmp_path: Path, content: Any) -> None:
    assert published_adapter(content, tmp_path / "other.pth", "fit") is None


def parts(strategy: Strategy) -> ModelParts:
    return ModelParts(Base("nano"), strategy, Sansa())


def test_a_published_file_takes_the_place_of_the_strategy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, sam = written(tmp_path, published(factor=0.5)), nano()
    found = scored_as_trained(path, parts(AdaptFormer()), sam).strategy
    assert found.hidden == {2: 32, 3: 64, 4: 64, 5: 64, 6: 64}
    assert torch.equal(logits_of(sam), logits_of(trained(AdaptFormer(factor=0.5))))
    assert not caplog.records
    scored_as_trained(path, parts(AdaptFormer([1], scale=0.3)), nano())
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == (
        f"adapter {path} is scored with its own settings: placement [2, 3] (model.strategy says [1]), "
        "scale 0.1 (model.strategy says 0.3)"
    )
    with pytest.raises(ValueError, match=r"it holds AdaptFormer's tensors, but model\.strategy is Frozen; use the"):
        scored_as_trained(path, parts(Frozen()), nano())


# --- no checkpoint at all ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, r"adapter .*adapter\.pth: holds no tensors"),
        ({"model": {}}, r"adapter .*adapter\.pth: holds no tensors"),
        ({"model": "tiny"}, r"adapter\.pth: expected a state dict under 'model', but got str"),
        ([torch.zeros(1)], r"adapter\.pth: expected a dictionary of tensors, but got list"),
        ({"epoch": 3}, r"unexpected key 'epoch'; expected image_encoder"),
        ({1: torch.zeros(2)}, r"adapter\.pth: expected tensors by their names, but got one under the key 1$"),
        ({"model": {("a", 2): torch.zeros(2)}}, r"but got one under the key \('a', 2\)$"),
        ({HEADER: 1}, r"is not a whole checkpoint of this project"),
    ],
)
def test_files_of_something_else(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attach_from(written(tmp_path, content), nano())


def test_a_truncated_file(tmp_path: Path) -> None:
    path = written(tmp_path, own())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"adapter\.pth cannot be read as a file of tensors: "):
        attach_from(path, nano())


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth is not a file"):
        attach_from(tmp_path / "nowhere.pth", nano())


class Bomb:
    """Its pickle makes a folder when it is read the unsafe way."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_not_run(tmp_path: Path, zipped: bool) -> None:
    mark = tmp_path / "was run"
    path = tmp_path / "evil.pth"
    if zipped:
        torch.save({"model": Bomb(mark)}, path)
    else:
        path.write_bytes(pickle.dumps({"model": Bomb(mark)}))
    with pytest.raises(ValueError, match=r"evil\.pth cannot be read as a file of tensors: "):
        attach_from(path, nano())
    assert not mark.exists()
    torch.load(path, weights_only=False) if zipped else pickle.loads(path.read_bytes())  # noqa: S301  the bomb is real
    assert mark.exists()


def test_a_module_instead_of_tensors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"adapter\.pth cannot be read as a file of tensors: "):
        attach_from(written(tmp_path, {"model": nn.Linear(2, 2)}), nano())


def test_names_of_published_tensors() -> None:
    state = published_state({KEY.format(12, "down_proj.weight"): torch.ones(1)}, Path("x"))
    assert list(state) == [(12, "down_proj.weight")]
