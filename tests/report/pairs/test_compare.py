"""Two runs target by target, against the same computed here."""

from __future__ import annotations

import numpy as np
import pytest

from fakes.run_folders import write_run, write_targets
from sansa_lightning.report.gather.find import find
from sansa_lightning.report.pairs.compare import compare, compared_run


@pytest.fixture
def compared(tmp_path):
    """Compares two runs with the given single targets, each of class, intersection and union."""

    def write(a, b, **more_b):
        for name, counts, more in (("a", a, {}), ("b", b, more_b)):
            write_targets(write_run(tmp_path / name, **more), counts)
        runs = find([tmp_path]).runs
        return compare(*(compared_run(tmp_path / name, runs) for name in "ab"))

    return write


def counts(seed: int, better: float = 0.0) -> list[tuple[int, int, int]]:
    rng = np.random.default_rng(seed)
    found = []
    for n in range(120):
        union = int(rng.integers(50, 150))
        gain = better if n % 3 == 0 else 0.0  # of class 0 alone
        found.append((4 * (n % 3), int(union * np.clip(rng.uniform(0.2, 0.7) + gain, 0, 1)), union))
    return found


def test_differences_are_those_of_summed_counts(compared):
    a, b = counts(0), counts(1, 0.2)
    found = compared(a, b)
    for each, class_id in zip(found.classes, (0, 4, 8), strict=True):
        mine = [[(i, u) for c, i, u in run if c == class_id] for run in (a, b)]
        expected = [sum(i for i, _ in run) / sum(u for _, u in run) for run in mine]
        assert (each.a, each.b) == pytest.approx(expected)
        assert (each.name, each.targets) == (f"class {class_id}", 40)
        assert each.low < each.difference < each.high
    assert found.mean.difference == pytest.approx(np.mean([each.difference for each in found.classes]))
    assert [each.certain for each in found.classes] == [True, False, False]  # planted in the first


def test_the_interval_is_that_of_another_bootstrap(compared):
    a, b = counts(0), counts(1, 0.2)
    found = compared(a, b)
    rng, drawn = np.random.default_rng(5), []
    for class_id in (0, 4, 8):
        table = np.array([(x[1], x[2], y[1], y[2]) for x, y in zip(a, b, strict=True) if x[0] == class_id], float)
        sums = table[rng.integers(0, 40, (4000, 40))].sum(1)
        drawn.append(sums[:, 2] / sums[:, 3] - sums[:, 0] / sums[:, 1])
    for each, samples in zip((*found.classes, found.mean), (*drawn, np.mean(drawn, axis=0)), strict=True):
        assert (each.low, each.high) == pytest.approx(np.percentile(samples, [2.5, 97.5]), abs=0.012)


def test_the_classes_are_drawn_independently(compared):
    """Twenty classes of ten targets, each the better the later it stands: their errors average out in the mean."""
    a = [(class_id, 10, 100) for class_id in range(20) for _ in range(10)]
    b = [(class_id, 10 + 9 * place, 100) for class_id in range(20) for place in range(10)]
    found = compared(a, b)
    width = np.mean([each.high - each.low for each in found.classes])
    assert (found.mean.high - found.mean.low) / width == pytest.approx(1 / np.sqrt(20), rel=0.1)


def test_equal_runs_differ_nowhere(compared):
    found = compared(counts(0), counts(0))
    assert {each.difference for each in (*found.classes, found.mean)} == {0.0}
    assert (found.mean.low, found.mean.high) == (0.0, 0.0)
    assert not found.mean.certain


def test_a_class_of_one_target_has_no_interval_and_the_largest_difference_is_first(compared):
    a = [(0, 5, 10), (0, 5, 10), (4, 1, 10)]
    found = compared(a, [(0, 5, 10), (0, 6, 10), (4, 9, 10)])
    assert (found.classes[1].low, found.classes[1].high, found.classes[1].certain) == (None, None, False)
    assert [one.episode for one, _ in found.targets] == [2, 1, 0]


@pytest.mark.parametrize(
    ("change", "b", "message"),
    [
        ({"episodes": {"test": "9" * 64}}, [(0, 1, 2)], "different lists of test episodes"),
        ({}, [(4, 1, 2)], "different lists of test episodes"),
        ({"score_size": "original"}, [(0, 1, 2)], "different sizes"),
        ({"changes": {"data.size": 64}}, [(0, 1, 2)], "different sizes"),
    ],
)
def test_only_equal_targets_compare(change, b, message, compared):
    with pytest.raises(ValueError, match=message):
        compared([(0, 1, 2)], b, **change)


def test_a_run_without_single_targets_says_how_to_get_them(tmp_path):
    runs = find([write_run(tmp_path / "a")]).runs
    with pytest.raises(FileNotFoundError, match=r"a has no episodes\.csv, .* score it again: test --config "):
        compare(runs[0], runs[0])
    with pytest.raises(ValueError, match="expected the folder of a finished fit or test, but got"):
        compared_run(tmp_path, runs)
