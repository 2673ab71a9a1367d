"""Every benchmark that can be prepared and verified, by name."""

from __future__ import annotations

from sansa_lightning.prepare.benchmark import Benchmark
from sansa_lightning.prepare.coco_benchmarks import COCO20I, LVIS92I, PACO_PART
from sansa_lightning.prepare.domain_benchmarks import ADE20K, DEEPGLOBE, FSS1000, ISIC, LUNG
from sansa_lightning.prepare.voc_benchmarks import PASCAL5I, PASCAL_PART

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        *(COCO20I, LVIS92I, FSS1000, PASCAL5I, PACO_PART, PASCAL_PART),
        *(ADE20K, DEEPGLOBE, ISIC, LUNG),
    )
}


def benchmark_named(name: str) -> Benchmark:
    """The benchmark with a name.

    Raises:
        ValueError: there is none.
    """
    if name not in BENCHMARKS:
        msg = f"NAME: expected one of {', '.join(BENCHMARKS)}, but got {name!r}"
        raise ValueError(msg)
    return BENCHMARKS[name]
