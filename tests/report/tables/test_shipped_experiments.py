"""The shipped experiments are those that the tables of papers ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sansa_lightning.cli.resolve import as_plain, build, resolve
from sansa_lightning.report.gather.runs import Run
from sansa_lightning.report.paper import paper_results, published
from sansa_lightning.report.tables.papers import definitions, paper_tables, seats
from sansa_lightning.runs.result import RunResult

ROOT = Path(__file__).parents[3]
A, N = "ablations", "ablations/negatives"


def run_of(files: tuple[str, ...], settings: dict[str, Any] | None = None, batch: int = 32) -> Run:
    """What a run of these files would be."""
    config = resolve([ROOT / file for file in files], settings or {})
    module, _ = build(config)
    plain = as_plain(config)
    method, strategy = module.parts.method, module.parts.strategy
    result = RunResult(
        status="finished",
        processes=batch // plain["data"]["batch_size"],
        strategy={"class": type(strategy).__name__, "settings": strategy.settings()},
        base={"name": plain["model"]["base"]["name"]},
        trained_parameters=0 if type(strategy).__name__ == "Frozen" else 1,
        episodes={"test": "0"},
        score_size="clip" if plain["data"]["score_at"] == "clip" else "original, corners aligned",
        trained=True,
        more={"method": {"class": type(method).__name__, "settings": method.settings()}},
        config=plain,
    )
    return Run(Path("run"), "fit", result)


SANSA_COCO = [
    *(("table1", "coco20i_1shot"), ("table3_finetune", "miou"), ("table3_adapters", "miou")),
    *(("table3_placement", "miou"), ("table4", "in_domain"), ("table4", "out_of_domain"), ("table6", "coco_miou")),
    *(("table8", "coco20i_miou"), ("table9", "coco20i_1shot"), ("table11", "miou"), ("figure6", "sansa")),
]


@pytest.mark.parametrize(
    ("files", "settings", "batch", "expected"),
    [
        (("experiments/coco20i.yaml",), {}, 32, SANSA_COCO),
        (("experiments/coco20i.yaml",), {"data.shots": 5}, 32, [("table1", "coco20i_5shot")]),
        (
            ("experiments/lvis92i.yaml",),
            {},
            32,
            [("table1", "lvis92i_1shot"), ("table6", "lvis_miou"), ("table9", "lvis92i_1shot")],
        ),
        (("experiments/fss1000.yaml",), {}, 32, [("table1", "fss1000_1shot")]),
        (("experiments/pascal5i.yaml",), {}, 32, [("table10_pascal5i", "fold0"), ("table10_pascal5i", "mean")]),
        (
            ("experiments/coco_to_pascal.yaml",),
            {},
            32,
            [("table10_coco_to_pascal", "fold0"), ("table10_coco_to_pascal", "mean")],
        ),
        (("experiments/generalist_lvis_paco.yaml",), {}, 32, [("table2", "coco20i_1shot")]),
        (("experiments/fs_sam2/coco20i.yaml",), {}, 8, [("fs_sam2", "coco20i_1shot")]),
        (("experiments/fs_sam2/pascal5i.yaml",), {}, 8, [("fs_sam2", "pascal5i_1shot")]),
        (("experiments/fs_sam2/fss1000.yaml",), {}, 8, [("fs_sam2", "fss1000_1shot")]),
        (("experiments/fssam/coco20i.yaml",), {}, 8, [("fssam", "coco20i_1shot")]),
        (("experiments/fssam/pascal5i.yaml",), {}, 8, [("fssam", "pascal5i_1shot")]),
    ],
)
def test_a_shipped_experiment_has_its_seats(files, settings, batch, expected):
    found, wrong = seats(run_of(files, settings, batch))
    assert not wrong
    assert [(seat.table, seat.column) for seat in found] == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "table", "row"),
    [
        (f"{A}/frozen.yaml", "table1", "SAM 2 (frozen)"),
        (f"{A}/scratch.yaml", "table3_finetune", "From scratch"),
        (f"{A}/full.yaml", "table3_finetune", "Full FT"),
        (f"{A}/decoder.yaml", "table4", "Decoder"),
        (f"{A}/qkv.yaml", "table4", "QKV only"),
        (f"{A}/backbone.yaml", "table4", "Backbone"),
        (f"{A}/lora.yaml", "table3_adapters", "LoRA"),
        (f"{A}/houlsby.yaml", "table3_adapters", "Adapter"),
        (f"{A}/mona.yaml", "table3_adapters", "MONA"),
        (f"{A}/adaptformer_0.8.yaml", "table3_adapters", "AdaptFormer 0.8"),
        (f"{A}/placement/none.yaml", "table3_placement", "none"),
        (f"{A}/placement/all.yaml", "table3_placement", "stages 0-3"),
        (f"{A}/base/tiny.yaml", "table8", "Tiny"),
        (f"{A}/j_length/7.yaml", "table9", "J = 7"),
        (f"{A}/prompts/scribble.yaml", "figure6", "scribble"),
        (f"{N}/clicks_3.yaml", "table11", "3 clicks"),
        (f"{N}/references.yaml", "table11", "negative reference, training-free"),
        (f"{N}/tokens.yaml", "table11", "negative token, trained"),
    ],
)
def test_a_shipped_ablation_has_its_row(file, table, row):
    found, wrong = seats(run_of(("experiments/coco20i.yaml", file)))
    assert not wrong
    assert row in {
        definitions()["tables"][seat.table]["rows"][seat.row]["name"] for seat in found if seat.table == table
    }


def test_every_row_and_column_of_the_definitions_is_in_a_paper():
    for table in definitions()["tables"].values():
        for column, said in table["columns"].items():
            assert said["experiment"] in definitions()["experiments"]
            for row in table["rows"]:
                if "path" not in row:
                    published(table["block"], row["paper"], column)  # raises if it is not there
    assert paper_results()["table11_negative_prompts_coco20i"]["geometric_clicks"]["3"] == 62.9


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data.size": 512}, "data.size 512, the paper's 640"),
        ({"trainer.max_epochs": 1}, "trainer.max_epochs 1, the paper's 5"),
        ({"data.score_at": "original"}, "score_size 'original, corners aligned', the paper's 'clip'"),
        ({"data.test_episodes": 100}, "data.test_episodes 100, the paper's 1000"),
    ],
)
def test_what_is_not_quite_the_papers_experiment_is_listed_apart(settings, said):
    run = run_of(("experiments/coco20i.yaml",), settings)
    assert seats(run) == ([], [said])
    apart: dict[str, str] = {}
    assert paper_tables([run], apart) == ([], [])
    assert apart == {"run": f"it is not quite the paper's experiment: {said}"}
