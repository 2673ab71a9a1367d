from __future__ import annotations

from pathlib import Path

import pytest

from launches import write_yaml
from sansa_lightning.ablate.options import params as main
from sansa_lightning.ablate.params import count, describe
from sansa_lightning.ablate.table import read_table
from sansa_lightning.trackers.zoo import Base

TABLES = Path(__file__).parents[2] / "ablations" / "tables"


def counts(name: str, base: str) -> dict:
    table, _ = read_table(TABLES / f"{name}.yaml")
    return {row.name: count(table, row, base) for row in table.rows}


def total(numbers) -> int:
    return sum(numbers.values())


@pytest.mark.slow
def test_the_large_base_trains_what_the_specification_counts():
    found = counts("table3_adapters", "sam2_hiera_large")
    # docs/sansa.md 2: parameters of AdaptFormer by its released rule, and of the whole model with it.
    expected = {"AdaptFormer 0.3": 9_898_385, "AdaptFormer 0.5": 16_511_184, "AdaptFormer 0.8": 26_333_537}
    assert {name: total(found[name].trained) for name in expected} == expected
    assert {name: round((total(each.trained) + total(each.frozen)) / 1e6, 2) for name, each in found.items()} == {
        "LoRA": 230.77,
        "Adapter": 230.84,
        "MONA": 231.82,
        "AdaptFormer 0.8": 250.63,
        "AdaptFormer 0.5": 240.81,
        "AdaptFormer 0.3": 234.20,
    }


@pytest.mark.slow
def test_bases_of_rows_are_their_own():
    found = counts("table8", "sam2_hiera_large")
    assert [total(each.trained) for each in found.values()] == [1_117_380, 3_093_947, 9_898_385]


@pytest.mark.slow
def test_parts_are_those_of_a_base_that_was_really_built():
    sam = Base("nano", weights=None).random()
    found = counts("table3_finetune", "nano")
    whole = sum(parameter.numel() for parameter in sam.parameters())
    for name, each in found.items():
        assert total(each.frozen) + total(each.trained) == whole + (total(each.trained) if name == "SANSA" else 0)
    assert found["Frozen"].trained == {}
    trunk = sum(parameter.numel() for parameter in sam.image_encoder.trunk.parameters())
    assert found["Backbone FT"].trained == {"image_encoder.trunk": trunk}
    qkv = sum(block.attn.qkv.weight.numel() + block.attn.qkv.bias.numel() for block in sam.image_encoder.trunk.blocks)
    assert found["QKV FT"].trained == {"image_encoder.trunk": qkv}
    assert found["QKV FT"].frozen["image_encoder.trunk"] == trunk - qkv
    decoder = sum(p.numel() for p in sam.sam_mask_decoder.parameters())
    unused = sum(p.numel() for p in sam.sam_mask_decoder.iou_prediction_head.parameters())
    unused += sum(p.numel() for p in sam.sam_mask_decoder.output_hypernetworks_mlps[0].parameters())
    pointers = sum(p.numel() for p in sam.obj_ptr_proj.parameters())
    assert total(found["Decoder FT"].trained) == decoder - unused + pointers
    assert found["From scratch"].trained == found["Full FT"].trained


@pytest.mark.slow
def test_the_command_prints_ours_beside_the_papers_and_where_it_is(capsys):
    assert main([str(TABLES / "table3_finetune.yaml"), "--base", "nano"]) == 0
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if line.startswith("Decoder FT "))
    assert line.split()[-4:-2] == ["4", "M"]
    below = out[out.index("\nDecoder FT:\n") : out.index("\nQKV FT:\n")]
    assert "sam_mask_decoder.transformer" in below
    assert "sam_mask_decoder.iou_prediction_head" in below
    assert "don't train" in below
    assert "image_encoder" not in below
    table, _ = read_table(TABLES / "table3_finetune.yaml")
    assert "n/a" in describe(table, [count(table, table.rows[0].__class__("bare"), "nano")], "nano")


def test_wrong_rows_are_one_line_each(capsys, tmp_path):
    rows = [{"name": "odd", "set": {"model.strategy": "LoRAA"}}, {"name": "fair"}]
    content = {"title": "A table", "experiment": str(TABLES.parents[1] / "experiments/nano/ablate.yaml"), "rows": rows}
    write_yaml(tmp_path / "table.yaml", content)
    assert main([str(tmp_path / "table.yaml"), str(tmp_path / "absent.yaml"), "--base", "nano"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("error: ") for line in lines)
    assert any("row 'odd'" in line and "did you mean LoRA?" in line for line in lines)
    with pytest.raises(ValueError, match=r"^--base: expected one of nano, sam2_hiera_tiny, .*, but got 'huge'$"):
        main([str(TABLES / "table4.yaml"), "--base", "huge"])


@pytest.mark.slow
@pytest.mark.parametrize("base", ["sam2_hiera_tiny", "sam2_hiera_small"])
def test_fssam_trains_what_its_release_optimises(base, tmp_path):
    """docs/fssam.md 7, on any size; 289,125 of it without a gradient, and as many in the single-mask token's MLP."""
    experiment = Path(__file__).parents[2] / "experiments" / "fssam" / "pascal5i.yaml"
    rows = [{"name": "FSSAM"}, {"name": "used", "set": {"model.method.init_args.trained": "used"}}]
    path = write_yaml(tmp_path / "t.yaml", {"title": "t", "experiment": str(experiment), "rows": rows})
    table, faults = read_table(path)
    assert not faults
    found = {row.name: count(table, row, base) for row in table.rows}
    assert total(found["FSSAM"].trained) == 11_522_021
    single_mask = 2 * (256 * 256 + 256) + 256 * 32 + 32
    assert total(found["used"].trained) == 11_522_021 - 289_125 - single_mask
    assert found["FSSAM"].trained["sam_mask_decoder.pred_obj_score_head"] == 2 * (256 * 256 + 256) + 256 + 1
