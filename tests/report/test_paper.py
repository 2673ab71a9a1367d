from __future__ import annotations

import pytest
import yaml

from sansa_lightning.report.paper import NEIGHBOURS, SANSA, paper_results, published, read


def test_the_packaged_numbers_are_those_of_the_specification(shared):
    written = yaml.safe_load((shared / "specs" / "paper_results.yaml").read_text())
    assert read(SANSA) == written
    assert written.items() <= paper_results().items()


def test_numbers_are_found_by_block_row_and_column():
    block = "table3_ablation_coco20i_1shot"
    assert published(f"{block}.fine_tuning", {"method": "Full FT"}, "miou") == 51.6
    assert published(f"{block}.adaptation", {"method": "AdaptFormer", "channel_factor": 0.5}, "miou") == 59.6
    assert published(f"{block}.placement", {"stages": "2-3"}, "miou") is None
    assert published("table4_adaptation", {"method": "Decoder"}, "in_domain") == 63.7
    assert published("table9_sequence_length", {"J": 7}, "lvis92i_1shot") == 49.4


@pytest.mark.parametrize(
    ("block", "row", "column", "words"),
    [
        ("table99", {}, "miou", "expected a table, or table.part, but got 'table99'"),
        ("table4_adaptation.left", {}, "miou", "but got 'table4_adaptation.left'"),
        ("table4_adaptation", {"method": "LoRA"}, "in_domain", "expected one row with {'method': 'LoRA'}, but got 0"),
        ("table3_ablation_coco20i_1shot.adaptation", {"method": "AdaptFormer"}, "miou", "but got 3 of 6"),
        ("table4_adaptation", {"method": "SANSA"}, "miou", "in_domain, out_of_domain, but got 'miou'"),
    ],
)
def test_what_is_not_there_is_refused(block, row, column, words):
    with pytest.raises(ValueError, match=r"paper_results\.yaml") as error:
        published(block, row, column)
    assert words in str(error.value)


def test_a_block_of_neighbours_is_one_protocol():
    for name, block in read(NEIGHBOURS).items():
        assert set(block["protocol"]) == {"scored_at", "targets", "selection", "input"}, name
        rows = [row for part in block.values() if isinstance(part, list) for row in part if isinstance(row, dict)]
        assert rows, name
        for row in rows:
            assert row["provenance"] in {"table", "second-hand"}
            assert len(row["values"]) == len(block["columns"])


def test_means_of_neighbours_are_those_of_their_folds():
    folds = read(NEIGHBOURS)["neighbours_fs_sam2_folds"]
    for part in ("pascal5i_1shot", "pascal5i_5shot", "coco20i_1shot", "coco20i_5shot"):
        ((*each, mean),) = (row["values"] for row in folds[part])
        assert sum(each) / 4 == pytest.approx(mean, abs=0.06)
        assert published("neighbours_fs_sam2", {"method": "FS-SAM2"}, part) == mean


def test_text_is_another_input_than_a_mask():
    seen = {kind: read(NEIGHBOURS)[f"neighbours_fss_sam3_{kind}"]["protocol"]["input"] for kind in ("visual", "text")}
    assert seen["visual"] == "mask"
    assert "text" in seen["text"]
