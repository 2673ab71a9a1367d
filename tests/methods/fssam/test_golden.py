"""FSSAM as its released code computes it on the same weights (shared golden folder)."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from builders import largest_difference
from golden import recipe
from sansa_lightning import ClipBatch, Prompt
from sansa_lightning.encoders.dinov2 import DinoV2
from sansa_lightning.encoders.tracker_features import TrackerFeatures
from sansa_lightning.losses import SquaredDice
from sansa_lightning.methods.base import Masks
from sansa_lightning.methods.fssam import method as method_module
from sansa_lightning.methods.fssam.calibration import Calibration, Layout
from sansa_lightning.methods.fssam.memory import References
from sansa_lightning.methods.fssam.method import Fssam
from sansa_lightning.methods.fssam.priors import Priors
from sansa_lightning.methods.fssam.refinement import Refined, agreement, refine
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.sam2.attention_bias import biased
from sansa_lightning.trackers.sam2.tracker import Sam2Tracker
from sansa_lightning.trackers.zoo import Base

TOLERANCE = 1e-4
PARTS = ("mask_decoder", "memory_encoder", "memory_attention")


def modules(shared: Path) -> tuple[ModuleType, ModuleType]:
    """The recipes of weights and inputs, which import their neighbours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(shared / "golden")
        return recipe(shared, "weights_fss"), recipe(shared, "inputs_fss")


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Tensor]:
    return load_file(shared / "golden" / "fssam.safetensors")


@pytest.fixture(scope="module")
def said(shared: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((shared / "golden" / "fssam.json").read_text())
    return content


@pytest.fixture(scope="module")
def small(shared: Path, said: dict[str, Any]) -> Tracker:
    """SAM 2.0 small at 512 pixels with object scores and the golden weights; tests leave it as it is."""
    weights, _ = modules(shared)
    base = Base("sam2_hiera_small", weights=None, image_size=512, object_scores=True)
    sam = base.random().eval()
    state = weights.fill(sam.state_dict(), said["weights"]["seed"])
    assert len(state) == said["weights"]["tensors"]
    assert weights.checksum(state) == said["weights"]["sha256"]
    sam.built_from = base
    return sam.requires_grad_(False)


@pytest.fixture(scope="module")
def inputs(shared: Path, said: dict[str, Any]) -> dict[str, Any]:
    built: dict[str, Any] = modules(shared)[1].build("s2")
    labels, stated = built["masks"].to(torch.uint8), said["cases"]["s2"]["inputs"]
    assert float(built["images"].double().sum()) == stated["images_sum"]
    assert float(built["priors"].double().sum()) == pytest.approx(stated["priors_sum"], rel=1e-6)
    return {"images": built["images"].to(torch.uint8), "labels": labels, "priors": built["priors"]}


class Given(Fssam):
    """FSSAM with priors that come from elsewhere; keeps what it computes."""

    def __init__(self, priors: Tensor, **options: Any) -> None:
        super().__init__(TrackerFeatures("stage 2", adapted=False), **options)
        self.given = Priors(priors[:, :, 0].mean(1, keepdim=True), priors[:, :, 1].mean(1, keepdim=True))

    def priors(self, tracker: Tracker, seen: Tensor, references: References) -> Priors:
        return self.given


def batch_of(inputs: dict[str, Any]) -> ClipBatch:
    labels = inputs["labels"]
    prompts = tuple(tuple(Prompt.mask(label) for label in clip[:-1]) for clip in labels)
    return ClipBatch((), inputs["images"], labels, prompts)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What goes by on the way: of each call of these functions, its result."""
    found: dict[str, list[Any]] = {}

    def note(owner: object, name: str) -> None:
        original = getattr(owner, name)

        def noting(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            found.setdefault(name, []).append(result)
            return result

        monkeypatch.setattr(owner, name, noting)

    for name in ("remember", "attend", "decode", "gated"):
        note(Sam2Tracker, name)
    for name in ("agreement", "refine"):
        note(method_module, name)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("case", ["s2", "s2_v2", "s2_absent"])
def test_one_reference_with_given_priors(
    small: Tracker,
    inputs: dict[str, Any],
    golden: dict[str, Tensor],
    noted: dict[str, list[Any]],
    case: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if case == "s2_absent":  # every object score is negative
        bias = small.sam_mask_decoder.pred_obj_score_head.layers[2].bias
        monkeypatch.setattr(bias, "data", torch.full_like(bias, -5.0))
    method = Given(inputs["priors"], version="v2" if case == "s2_v2" else "v1")
    with torch.inference_mode():
        logits = method(small, batch_of(inputs), propagate_targets=False).logits[:, 1]
    written, pointers = noted["remember"], noted["gated"]
    found = {
        "M_s": written[0].features[::, None, ::4, ::4, ::4],
        "M_d": written[1].features[:, ::4, ::4, ::4],
        "M_f": written[2].features[:, ::4, ::4, ::4],
        "a": noted["agreement"][0],
        "M_d_refined": noted["refine"][0].memory[:, ::4, ::4, ::4],
        "P_d_refined": noted["refine"][0].prior,
        "support_pointer": pointers[0][:, None],
        "disc_pointer": pointers[1],
        "conditioned": noted["attend"][0].image[:, ::8, ::4, ::4],
        "object_score": noted["decode"][2].object_score[:, None],
        "logits": logits[:, ::4, ::4],
    }
    for name, value in found.items():
        assert largest_difference(value, golden[f"{case}/{name}"]) <= TOLERANCE, name
    assert float(noted["decode"][2].iou) == pytest.approx(float(golden[f"{case}/iou"].max()), abs=1e-6)
    if case == "s2_absent":
        assert torch.equal(pointers[0], small.no_obj_ptr)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_refinement_alone(shared: Path, golden: dict[str, Tensor], version: Any) -> None:
    given = modules(shared)[1].refinement_inputs()
    agreed = agreement(given["M_s"][:, None], given["m"], given["M_f"])
    assert largest_difference(agreed, golden["s5/a"]) <= TOLERANCE
    for rounds in (1, 2, 3):
        found = refine(
            agreed, Refined(given["M_f"], given["P_f"]), Refined(given["M_d"], given["P_d"]), rounds, version
        )
        expected = golden[f"s5/{version}/M_d_{rounds}"]
        assert largest_difference(found.memory[:, ::4, ::2, ::2], expected) <= TOLERANCE
        assert largest_difference(found.prior, golden[f"s5/{version}/P_d_{rounds}"]) <= TOLERANCE


def test_calibrated_attention_alone(shared: Path, golden: dict[str, Tensor], small: Tracker) -> None:
    """Layer 0, eight pointer tokens, two samples, of which the second has an empty mask."""
    given = modules(shared)[1].calibration_inputs()
    layer = small.memory_attention.layers[0].cross_attn_image
    calibration = Calibration(given["mask"].flatten(2), Layout.of("averaged", 1))
    kept: dict[str, Tensor] = {}

    def bias(query: Tensor, key: Tensor) -> Tensor:
        kept.update(query=query, key=key, bias=calibration(query, key), trusted=calibration.trusted(key))
        return kept["bias"]

    with torch.inference_mode():
        plain = layer(given["q"], given["k"].clone(), given["v"], num_k_exclude_rope=8)
        with biased([layer], bias):
            found = layer(given["q"], given["k"].clone(), given["v"], num_k_exclude_rope=8)
        scores = kept["query"] @ kept["key"].transpose(-1, -2) / 16 + kept["bias"]
    assert largest_difference(kept["trusted"][:, 0], golden["s6/c"]) <= TOLERANCE
    assert largest_difference(kept["bias"][:, 0, ::16, 1024:2048:8], golden["s6/bias"]) <= TOLERANCE
    assert not kept["bias"][..., :1024].any()
    assert not kept["bias"][..., 2048:].any()
    assert largest_difference(scores.softmax(-1)[:, 0, ::64, ::8], golden["s6/attention"]) <= TOLERANCE
    assert largest_difference(found[:, ::8, ::4], golden["s6/output"]) <= TOLERANCE
    assert largest_difference(plain[:, ::8, ::4], golden["s6/output_without_bias"]) <= TOLERANCE


@pytest.mark.slow
def test_dinov2_and_priors(
    shared: Path, golden: dict[str, Tensor], inputs: dict[str, Any], small: Tracker, tmp_path: Path
) -> None:
    """Through a file in the layout of the release."""
    weights, _ = modules(shared)
    state = weights.dino_weights(7)
    assert weights.checksum(state) == "73c80f6b1f055ef3cfc62799ed000ca47c151836a3afd02be6f975947856ecf8"
    torch.save(state, tmp_path / "dino.pth")
    method = Fssam(DinoV2("base", tmp_path / "dino.pth"))
    method.attach(small)
    batch = batch_of(inputs)
    with torch.inference_mode():
        seen = method.encoder(small, batch.images[0])
        references = method.remember(small, batch.images[0, :1], batch.prompts[0])
        priors = method.priors(small, seen[1:], references)
    assert largest_difference(seen[:1, ::16, ::4, ::4], golden["p2/dino_support"]) <= TOLERANCE
    assert largest_difference(seen[1:, ::16, ::4, ::4], golden["p2/dino_query"]) <= TOLERANCE
    assert largest_difference(priors.foreground[..., ::8, ::8], golden["p2/P_f"]) <= TOLERANCE
    assert largest_difference(priors.discriminative[..., ::8, ::8], golden["p2/P_d"]) <= TOLERANCE


@pytest.mark.slow
def test_gradients(small: Tracker, inputs: dict[str, Any], golden: dict[str, Tensor], said: dict[str, Any]) -> None:
    """All 277 tensors of the release's optimiser: null where they are not in the graph, and nothing else trains."""
    stated = said["gradients"]
    sam = copy.deepcopy(small)
    model = FewShotModel(sam, FineTune(PARTS), Given(inputs["priors"]))
    model.train()
    for module in sam.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        elif hasattr(module, "dropout_p"):
            module.dropout_p = 0.0
    masks: Masks = model(batch_of(inputs), propagate_targets=True)
    loss = SquaredDice()(masks.logits[:, 1:], inputs["labels"][:, 1:])
    assert loss.item() == pytest.approx(stated["loss"], abs=1e-6)
    loss.backward()
    assert largest_difference(masks.logits[:, 1, ::4, ::4], golden["gradients/logits"]) <= TOLERANCE
    norms = {
        name.removeprefix("base."): None if each.grad is None else each.grad.norm()
        for name, each in model.trained().items()
    }
    assert norms.keys() == stated["grad_norms"].keys()
    assert len(norms) == 277
    for name, expected in stated["grad_norms"].items():
        found = norms[name]
        assert (found is None) == (expected is None), name
        if expected is not None:
            assert float(found) == pytest.approx(expected, rel=1e-3, abs=1e-6), name
    for name in ("memory_attention.layers.0.cross_attn_image.k_proj.weight", "memory_encoder.out_proj.weight"):
        whole = sam.get_parameter(name).grad
        assert whole is not None
        assert largest_difference(whole[::8], golden[f"gradients/{name}"]) <= 1e-5
    assert sum(each.numel() for each in model.trained().values()) == 11_522_021
