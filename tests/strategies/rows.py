"""Every strategy of the project on nano: what it is told, which parameters train then, and how many, by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from builders import nano
from sansa_lightning.strategies import all as project
from sansa_lightning.trackers.zoo import Base

if TYPE_CHECKING:
    from sansa_lightning.strategies.base import Strategy
    from sansa_lightning.trackers.base import Tracker

WIDTHS = [(32, 32), (32, 64), (64, 128), (128, 128), (128, 128), (128, 128), (128, 256)]
"""Channels in and out of nano's blocks; stages 2 and 3 are blocks 2 to 6."""

LATE = WIDTHS[2:]


def linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def mlp(*widths: int) -> int:
    return sum(linear(first, second) for first, second in pairwise(widths))


def conv_adapter(c: int, w: int) -> int:
    """Norm and two scales, down, three depth-wise convolutions, 1x1, up."""
    return 4 * c + linear(c, w) + (9 + 25 + 49 + 3) * w + linear(w, w) + linear(w, c)


def block(inputs: int, c: int) -> int:
    """norm1, qkv, proj, norm2, MLP of four times the width, and a projection where the width changes."""
    whole = 2 * inputs + linear(inputs, 3 * c) + linear(c, c) + 2 * c + mlp(c, 4 * c, c)
    return whole + (linear(inputs, c) if inputs != c else 0)


def low_rank(rank: int, shapes: list[tuple[int, int]]) -> int:
    return sum(rank * (inputs + outputs) for inputs, outputs in shapes)


QKV = [(inputs, 3 * outputs) for inputs, outputs in WIDTHS]
LATE_QKV = QKV[2:]
ADAPTFORMER = sum(2 * d + mlp(d, int(0.3 * inputs), d) for inputs, d in LATE)
# Patches of 7 x 7 x 3, position embeddings of 8 x 8 twice, blocks.
TRUNK = linear(7 * 7 * 3, 32) + 2 * 32 * 8 * 8 + sum(block(*widths) for widths in WIDTHS)
NECK = sum(linear(32 * 2**stage, 96) for stage in range(4))
# Attention to oneself, to memories of 48 channels, MLP, three norms; twice; and a norm.
MEMORY_LAYER = 4 * linear(96, 96) + 2 * linear(96, 96) + 2 * linear(48, 96) + mlp(96, 256, 96) + 3 * 2 * 96
MEMORY_ATTENTION = 2 * MEMORY_LAYER + 2 * 96
# Three halvings with norms, one projection each of mask, image and result, two ConvNeXt blocks, seven temporal rows.
CONVNEXT = 96 + linear(49, 96) + 2 * 96 + mlp(96, 4 * 96, 96)
MEMORY_ENCODER = linear(9, 4) + 8 + linear(9 * 4, 16) + 32 + linear(9 * 16, 64) + 128 + linear(64, 96)
MEMORY_ENCODER += linear(96, 96) + 2 * CONVNEXT + linear(96, 48) + 7 * 48
# Padding point, "no mask", the 4 x 4 convolution of SAM 2, two halvings with norms, projection.
PROMPT_ENCODER = 2 * 96 + linear(16, 1) + linear(4, 4) + 8 + linear(4 * 4, 16) + 32 + linear(16, 96)
# Two two-way layers: attention to oneself, both ways at half width, MLP, four norms; then once more one way and a norm.
ONE_WAY = 3 * linear(96, 48) + linear(48, 96)
TWO_WAY = 2 * (4 * linear(96, 96) + 2 * ONE_WAY + mlp(96, 256, 96) + 4 * 2 * 96) + ONE_WAY + 2 * 96
# IoU token and four mask tokens, two doublings and a norm, two projections, MLPs of a target's three masks, pointer.
MASK_DECODER = TWO_WAY + 5 * 96 + (4 * 96 * 24 + 24) + 48 + (4 * 24 * 12 + 12) + linear(96, 12) + linear(96, 24)
MASK_DECODER += 3 * mlp(96, 96, 96, 12) + mlp(96, 96, 96, 96)
FULL = TRUNK + NECK + MEMORY_ATTENTION + MEMORY_ENCODER + PROMPT_ENCODER + MASK_DECODER

BLOCK = r"image_encoder\.trunk\.blocks\."
LATE_BLOCK = BLOCK + r"[2-6]\."
LORA = r"\.lora_[AB]\.default\.weight"
DECODER_NAMES = r"(?!.*(iou_prediction_head|hypernetworks_mlps\.0))(sam_mask_decoder|obj_ptr_proj)\..*"
FULL_NAMES = (
    r"(?!.*(iou_prediction_head|hypernetworks_mlps\.0|point_embeddings))"
    r"(image_encoder|memory_|sam_|mask_downsample|obj_ptr|maskmem).*"
)


@dataclass(frozen=True)
class Row:
    """A strategy on nano.

    Attributes:
        label: names the row in the output of tests.
        strategy: class name.
        names: pattern of the parameters that train.
        count: how many numbers those are.
        settings: constructor's arguments; strategies inside it are rows themselves.
    """

    label: str
    strategy: str
    names: str
    count: int
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> type[Strategy]:
        return getattr(project, self.strategy)

    def build(self) -> Strategy:
        inner = [row.build() for row in self.settings.get("strategies", [])]
        return self.kind(**{**self.settings, **({"strategies": inner} if inner else {})})


def base() -> Tracker:
    """A nano that knows that its weights are random."""
    sam = nano()
    sam.built_from = Base("nano", weights=None)
    return sam


LORA_ROW = Row("LoRA", "LoRA", LATE_BLOCK + r"attn\.qkv" + LORA, low_rank(16, LATE_QKV))
DECODER_ROW = Row("FineTune decoder", "FineTune", DECODER_NAMES, MASK_DECODER, {"parts": "decoder"})
HOULSBY_ROW = Row(
    "Houlsby",
    "Houlsby",
    LATE_BLOCK + r"houlsby\.after_(attention|mlp)\.(down|up)_proj\..*",
    sum(2 * mlp(d, 64, d) for _, d in LATE),
)

ROWS = [
    Row("Frozen", "Frozen", r"(?!)", 0),
    Row("AdaptFormer", "AdaptFormer", LATE_BLOCK + r"adapter\..*", ADAPTFORMER),
    Row(
        "AdaptFormer sequential",
        "AdaptFormer",
        BLOCK + r"[01]\.adapter\.(down|up)_proj\..*",
        mlp(32, 16, 32) + mlp(64, 16, 64),
        {"placement": "early", "factor": 0.5, "layer_norm": False, "insertion": "sequential"},
    ),
    HOULSBY_ROW,
    Row(
        "Houlsby everywhere",
        "Houlsby",
        BLOCK + r"[0-6]\.houlsby\..*",
        sum(2 * mlp(d, 5, d) for _, d in WIDTHS),
        {"placement": "all", "width": 5},
    ),
    Row("Houlsby nowhere", "Houlsby", r"(?!)", 0, {"placement": "none"}),
    LORA_ROW,
    Row(
        "LoRA on everything",
        "LoRA",
        BLOCK + r"[1-5]\.(attn\.(qkv|proj)|mlp\.layers\.[01]|proj)" + LORA,
        sum(
            low_rank(4, [(i, 3 * d), (d, d), (d, 4 * d), (4 * d, d), *([(i, d)] if i != d else [])])
            for i, d in WIDTHS[1:6]
        ),
        {"placement": "middle", "targets": ["qkv", "proj", "mlp", "skip"], "rank": 4, "use_rslora": True},
    ),
    Row(
        "DoRA",
        "LoRA",
        BLOCK + r"[35]\.attn\.qkv\.lora_(A|B|magnitude_vector)\.default\.weight",
        low_rank(2, [QKV[3], QKV[5]]) + 2 * 384,
        {"placement": "blocks 3, 5", "rank": 2, "use_dora": True},
    ),
    Row(
        "LoHa",
        "PeftTuner",
        LATE_BLOCK + r"attn\.proj\.hada_w[12]_[ab]\.default",
        2 * low_rank(4, [(d, d) for _, d in LATE]),
        {"tuner": "LOHA", "targets": ["proj"], "options": {"r": 4}},
    ),
    Row(
        "IA3",
        "PeftTuner",
        LATE_BLOCK + r"attn\.qkv\.ia3_l\.default",
        sum(outputs for _, outputs in LATE_QKV),
        {"tuner": "ia3", "options": {"feedforward_modules": []}},
    ),
    Row(
        "Mona",
        "Mona",
        LATE_BLOCK + r"mona\.after_(attention|mlp)\..*",
        sum(2 * conv_adapter(d, 64) for _, d in LATE),
    ),
    Row("FineTune full", "FineTune", FULL_NAMES, FULL, {"parts": "full"}),
    Row("FineTune backbone", "FineTune", r"image_encoder\.trunk\..*", TRUNK, {"parts": "backbone"}),
    Row(
        "FineTune qkv",
        "FineTune",
        BLOCK + r"\d+\.attn\.qkv\..*",
        sum(linear(*shape) for shape in QKV),
        {"parts": "qkv"},
    ),
    DECODER_ROW,
    Row("FromScratch", "FromScratch", FULL_NAMES, FULL),
    Row(
        "LoRA + decoder",
        "Compose",
        f"{LORA_ROW.names}|{DECODER_NAMES}",
        LORA_ROW.count + MASK_DECODER,
        {"strategies": [LORA_ROW, DECODER_ROW]},
    ),
    Row(
        "decoder + Houlsby + LoRA",
        "Compose",
        f"{DECODER_NAMES}|{HOULSBY_ROW.names}|{LORA_ROW.names}",
        MASK_DECODER + HOULSBY_ROW.count + LORA_ROW.count,
        {"strategies": [DECODER_ROW, HOULSBY_ROW, LORA_ROW]},
    ),
]
