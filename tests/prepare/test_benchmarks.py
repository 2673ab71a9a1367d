from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from sansa_lightning.prepare.benchmark import Archive, File
from sansa_lightning.prepare.benchmarks import BENCHMARKS, benchmark_named

REPOSITORY = Path(__file__).parents[2]
REMOTES = [
    (name, step.remote)
    for name, benchmark in BENCHMARKS.items()
    for step in benchmark.steps
    if isinstance(step, File | Archive) and step.remote is not None
]
LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64}


@pytest.mark.parametrize(("name", "remote"), REMOTES)
def test_what_comes_over_plain_http_has_a_checksum(name, remote):
    assert remote.url.startswith("https://") or remote.checksum
    assert remote.size > 0
    if remote.checksum:
        algorithm, digits = remote.checksum.split(":")
        assert re.fullmatch(rf"[0-9a-f]{{{LENGTHS[algorithm]}}}", digits)


def test_no_two_archives_share_a_place():
    for benchmark in BENCHMARKS.values():
        files = [step.file for step in benchmark.steps if isinstance(step, Archive)]
        assert len(files) == len(set(files))


@pytest.mark.parametrize("benchmark", BENCHMARKS.values(), ids=list(BENCHMARKS))
def test_what_is_not_fetched_has_a_page_to_go_to(benchmark):
    for step in benchmark.steps:
        assert not isinstance(step, Archive) or bool(step.page) == (step.remote is None)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_experiment_of_the_name_reads_what_is_prepared(name):
    experiment = yaml.safe_load((REPOSITORY / "experiments" / f"{name}.yaml").read_text())
    source = BENCHMARKS[name].layouts[0].source(Path("somewhere"))
    options = experiment["data"]["source"]
    assert options["class_path"] == type(source).__name__
    if name == "coco20i":
        assert source.folders == {split: source.root / options["init_args"][split] for split in ("train", "val")}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_layout_has_a_source_that_leaves_checks_to_verify(name):
    for layout in BENCHMARKS[name].layouts:
        source = layout.source(Path("somewhere"))
        assert type(source).__module__.startswith("sansa_lightning.data.sources.")
        assert (source.root, source.check_files) == (Path("somewhere"), False)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_page_of_documentation_has_each_address(name):
    page = (REPOSITORY / "docs" / "data.md").read_text()
    benchmark = BENCHMARKS[name]
    assert f"## {name}" in page
    assert benchmark.page in page
    for step in benchmark.steps:
        if isinstance(step, Archive):
            assert step.file in page
            assert step.page.split(" ")[0] in page


def test_the_layout_that_is_there_is_checked(tmp_path):
    benchmark = BENCHMARKS["lvis92i"]
    assert benchmark.layouts_in(tmp_path) == benchmark.layouts[:1]
    (tmp_path / "lvis_val.pkl").touch()
    assert benchmark.layouts_in(tmp_path) == benchmark.layouts[1:]
    (tmp_path / "lvis_v1_val.json").touch()
    assert benchmark.layouts_in(tmp_path) == benchmark.layouts


def test_a_misspelt_name():
    with pytest.raises(ValueError, match=r"NAME: expected one of coco20i, lvis92i, .*, but got 'coco'"):
        benchmark_named("coco")


@pytest.mark.parametrize(
    ("name", "archive", "member", "path"),
    [
        ("coco20i", "val2014.zip", "val2014/COCO_val2014_000000000042.jpg", "val2014/COCO_val2014_000000000042.jpg"),
        ("coco20i", "annotations_trainval2014.zip", "annotations/captions_val2014.json", None),
        ("lvis92i", "lvis_v1_val.json.zip", "lvis_v1_val.json", "lvis_v1_val.json"),
        ("lvis92i", "train2017.zip", "train2017/000000000009.jpg", "coco/train2017/000000000009.jpg"),
        ("paco_part", "paco_lvis_v1.zip", "paco_lvis_v1_val.json", "paco/paco_lvis_v1_val.json"),
        ("paco_part", "paco_lvis_v1.zip", "paco_lvis_v1_test.json", None),
        ("pascal5i", "VOCtrainval_11-May-2012.tar", "VOCdevkit/VOC2012/JPEGImages/2007_1.jpg", "JPEGImages/2007_1.jpg"),
        ("pascal5i", "VOCtrainval_11-May-2012.tar", "VOCdevkit/VOC2012/Annotations/2007_1.xml", None),
        ("pascal5i", "benchmark.tgz", "benchmark_RELEASE/dataset/cls/2008_1.mat", "sbd/cls/2008_1.mat"),
        ("pascal5i", "benchmark.tgz", "benchmark_RELEASE/dataset/inst/2008_1.mat", None),
        ("fss1000", "fewshot_data.zip", "fewshot_data/fewshot_data/ab_wheel/10.png", "data/ab_wheel/10.png"),
        ("ade20k", "ADEChallengeData2016.zip", "ADEChallengeData2016/sceneCategories.txt", None),
        ("lung", "chest-xray-masks-and-labels.zip", "data/Lung Segmentation/masks/a_mask.png", "masks/a_mask.png"),
        ("lung", "chest-xray-masks-and-labels.zip", "Lung Segmentation/test/a.png", None),
    ],
)
def test_members_of_the_real_archives(tmp_path, name, archive, member, path):
    (step,) = [step for step in BENCHMARKS[name].steps if isinstance(step, Archive) and step.file == archive]
    assert step.members(tmp_path)(member) == path
