"""The probe: what it can read, what not, and whose surface a cell is."""

from __future__ import annotations

import pytest
import torch

from builders import nano
from sansa_lightning.analysis.probe import Cells, linear_probe, pattern_cells, pure_owners
from sansa_lightning.data.sources.patterns import Patterns


def drawn(seed: int, separated: float, classes: int = 4) -> Cells:
    """Objects of five cells each, whose features lie ``separated`` apart by class."""
    generator = torch.Generator().manual_seed(seed)
    objects = torch.arange(60).repeat_interleave(5)
    labels = objects % classes
    means = torch.eye(classes, 6)[labels] * separated
    return Cells(means + torch.randn(len(labels), 6, generator=generator), labels + 10, objects)


def test_reads_what_is_there():
    score = linear_probe(drawn(0, 8.0), drawn(1, 8.0))
    assert (score.cells, score.objects) == (1.0, 1.0)
    assert (score.chance, score.counts) == (0.25, (300, 60))


def test_is_at_chance_where_nothing_is():
    score = linear_probe(drawn(0, 0.0), drawn(1, 0.0))
    assert score.cells == pytest.approx(0.25, abs=0.08)


def test_a_frequent_class_is_no_better_an_answer_than_another():
    def uneven(cells: Cells) -> Cells:
        kept = (cells.classes == 10) | (cells.objects < 12)
        return Cells(*(part[kept] for part in cells))

    train, test = uneven(drawn(0, 0.0)), uneven(drawn(1, 0.0))
    assert (test.classes == 10).double().mean() > 0.6
    assert linear_probe(train, test).cells == pytest.approx(0.25, abs=0.08)


def test_cells_of_an_object_vote():
    score = linear_probe(drawn(0, 1.5), drawn(1, 1.5))
    assert score.cells < score.objects - 0.1


def test_is_the_minimum_of_its_loss():
    """The same as scipy finds from another start."""
    from scipy.optimize import minimize

    from sansa_lightning.analysis import probe

    cells = drawn(3, 1.0, classes=3)
    labels = cells.classes - 10
    found = probe._fit(cells.features, labels, 3, steps=200)

    def loss(flat: torch.Tensor) -> float:
        weights = torch.as_tensor(flat, dtype=torch.float64).reshape(7, 3)
        said = cells.features.double() @ weights[:-1] + weights[-1]
        entropy = torch.nn.functional.cross_entropy(said, labels)
        return float(entropy + probe.DECAY * weights[:-1].square().sum())

    best = minimize(loss, torch.full((21,), 0.1).numpy(), method="L-BFGS-B").fun
    assert loss(found.flatten()) == pytest.approx(best, abs=1e-4)


def test_refuses_classes_that_were_not_trained():
    with pytest.raises(ValueError, match="linear_probe: expected test cells of the 3 trained classes, but got"):
        linear_probe(drawn(0, 1.0, classes=3), drawn(1, 1.0, classes=4))


def test_a_cell_belongs_to_the_object_that_fills_it():
    instances = torch.zeros(8, 8, dtype=torch.uint8)
    instances[:4, :4] = 2
    instances[4:, :4] = 1
    instances[4, 0:2] = 0  # 2 of 16 pixels: not pure any more
    instances[0, 0] = 1  # 1 of 16: still pure
    assert pure_owners(instances, 2).tolist() == [[1, -1], [-1, -1]]


def test_cells_are_features_of_the_objects_shown():
    sam, source = nano(), Patterns()
    keys = [source.images(class_id, "val")[0] for class_id in (3, 9, 20)]
    cells = pattern_cells(sam, source, keys, chunk=2)
    assert cells.features.shape == (len(cells.classes), 128)
    assert cells.of([3]).classes.tolist() == [3] * int((cells.classes == 3).sum())
    for number, key in enumerate(keys):
        instances, classes = source.objects(key)
        mine = cells.objects // 8 == number
        named = {(int(o) % 8, int(c)) for o, c in zip(cells.objects[mine], cells.classes[mine], strict=True)}
        assert named <= set(enumerate(classes))
        assert int(mine.sum()) == int((pure_owners(torch.from_numpy(instances), 12) >= 0).sum())
