"""What a parser says, as the line that a person needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from jsonargparse import ArgumentParser
from lightning.pytorch import loggers
from lightning.pytorch.loggers import Logger
from torch import optim
from torch.optim import Optimizer

from sansa_lightning.cli.short_error import short_error
from sansa_lightning.strategies import all as strategy_classes
from sansa_lightning.strategies.base import Strategy


@pytest.fixture
def parser():
    parser = ArgumentParser()
    parser.add_argument("--data.batch_size", type=int, default=1)
    parser.add_argument("--model.strategy.init_args.factor", type=float, default=1)
    parser.add_argument("--model.strategy", type=Strategy | None, default=None)
    parser.add_argument("--model.optimizer", type=Callable[[Iterable], Optimizer], default=None)
    parser.add_argument("--trainer.logger", type=Logger | Iterable[Logger] | bool | None, default=None)
    return parser


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            "unrecognized arguments: --data.batchsize 3",
            "unrecognized arguments: --data.batchsize 3; did you mean data.batch_size?",
        ),
        (
            "Subcommand 'fit' does not accept option 'modle.strategy.class_path'",
            "Subcommand 'fit' does not accept option 'modle.strategy.class_path'; did you mean model.strategy?",
        ),
        ("Option 'placment' is not accepted", "Option 'placment' is not accepted; did you mean placement?"),
        ("Option 'xyz' is not accepted", "Option 'xyz' is not accepted; see --help"),
        (
            'Parser key "model.strategy":\n  - Expected a path but Frosen either not accessible or invalid\n'
            "  - Expected a dot import path string: Frosen",
            "model.strategy: expected a Strategy, but 'Frosen' is not one; did you mean Frozen?",
        ),
        (
            'Parser key "data.source":\n  Expected a dot import path string: Frozen',
            "data.source: expected a class, but 'Frozen' is not one; it is sansa_lightning.strategies.frozen.Frozen",
        ),
        (
            'Parser key "model.strategy":\n  Expected a dot import path string: Lora',
            "model.strategy: expected a Strategy, but 'Lora' is not one; did you mean LoRA?",
        ),
        (
            'Parser key "model.optimizer":\n  Expected a dot import path string: adamw',
            "model.optimizer: expected a Optimizer, but 'adamw' is not one; did you mean AdamW?",
        ),
        (  # a logger's name is nearest, but it is no strategy
            'Parser key "model.strategy":\n  Expected a dot import path string: CSVLoger',
            "model.strategy: expected a Strategy, but 'CSVLoger' is not one; see --help",
        ),
        (
            'Parser key "trainer.logger":\n  Expected a dot import path string: Lora',
            "trainer.logger: expected a Logger, but 'Lora' is not one; see --help",
        ),
        (  # within another value no kind is known
            'Parser key "strategies":\n  Expected a dot import path string: Lora',
            "strategies: expected a class, but 'Lora' is not one; did you mean LoRA?",
        ),
        (
            "Parser key \"data.size\":\n  Expected a <class 'int'>. Got value: big",
            "data.size: expected int, but got big",
        ),
        (
            'Parser key "trainer.precision":\n  Does not validate against any of the Union subtypes\n'
            "  Subtypes: [typing.Literal['16', '32'], <class 'NoneType'>]\n  Errors:\n"
            "    - Expected a typing.Literal['16', '32']\n    - Expected a <class 'NoneType'>\n"
            "  Given value type: <class 'str'>\n  Given value: 7",
            "trainer.precision: expected one of '16', '32' or null, but got 7",
        ),
        (
            'Parser key "lr":\n\n  - Expected a path but nan either not accessible or invalid\n'
            "  - Does not validate against any of the Union subtypes\n"
            "  Subtypes: [<class 'float'>, <class 'torch.Tensor'>]\n  Errors:\n    - Expected a <class 'float'>\n"
            "    - Expected a dot import path string: nan\n  Given value type: <class 'str'>\n  Given value: nan",
            "lr: expected float, but got nan",
        ),
        (
            'Parser key "model.strategy":\n  Does not validate against any of the Union subtypes\n'
            "  Subtypes: [<class 'sansa_lightning.strategies.base.Strategy'>, <class 'NoneType'>]\n  Errors:\n"
            "    - Import path json.JSONDecoder does not correspond to a subclass of Strategy\n"
            "    - Expected a <class 'NoneType'>\n  Given value type: <class 'dict'>\n  Given value: {}",
            "model.strategy: expected a Strategy, but json.JSONDecoder is not one",
        ),
        (
            'Parser key "model.strategy":\n  Does not validate against any of the Union subtypes\n'
            "  Subtypes: [<class 'sansa_lightning.strategies.base.Strategy'>, <class 'NoneType'>]\n  Errors:\n"
            "    - Problem with given class_path 'nowhere.Thing':\n        No module named 'nowhere'\n"
            "    - Expected a <class 'NoneType'>\n  Given value type: <class 'dict'>\n  Given value: {}",
            "model.strategy: Problem with given class_path 'nowhere.Thing': No module named 'nowhere'",
        ),
        (  # a class within a class: the key is that of the argument that is wrong
            'Parser key "model.losses":\n  Does not validate against any of the Union subtypes\n'
            "  Subtypes: [<class 'sansa_lightning.losses.WeightedSum'>, <class 'NoneType'>]\n  Errors:\n"
            "    - Problem with given class_path 'sansa_lightning.losses.WeightedSum':\n"
            '        Parser key "terms":\n'
            "          Problem with given class_path 'sansa_lightning.losses.BCE':\n"
            '            Parser key "weight":\n'
            "              Expected a <class 'float'>. Got value: many\n"
            "    - Expected a <class 'NoneType'>\n  Given value type: <class 'dict'>\n  Given value: {}",
            "model.losses.init_args.terms.init_args.weight: expected float, but got many",
        ),
        (
            "Parser key \"data.source\":\n  Problem with given class_path 'sansa_lightning.data.sources.coco.Coco':\n"
            "    Option 'placment' is not accepted",
            "Option 'placment' is not accepted; did you mean placement?",
        ),
        (
            'Parser key "data.source":\n\n  - Expected a path but null either not accessible or invalid\n'
            "  - Not a valid subclass of Source. Got value: None\n  Subclass types expect one of:\n  - a class path",
            "data.source: expected a Source, by class_path and init_args, but got None",
        ),
        (
            'Parser key "model.strategy":\n  Does not validate against any of the Union subtypes\n'
            "  Subtypes: [<class 'sansa_lightning.strategies.base.Strategy'>, <class 'NoneType'>]\n  Errors:\n"
            "    - Not a valid subclass of Strategy\n      Subclass types expect one of:\n      - a class path (str)\n"
            "    - Expected a <class 'NoneType'>\n  Given value type: <class 'list'>\n  Given value: []",
            "model.strategy: expected a Strategy, by class_path and init_args, but got []",
        ),
        (
            'Parser key "model.optimizer":\n  Type typing.Callable[[collections.abc.Iterable], torch.optim.optimizer.'
            "Optimizer] expects a function or a callable class: expected import path or a subclass spec, but got []. "
            "Got value: []",
            "model.optimizer: expected a Optimizer, by class_path and init_args, but got []",
        ),
        (
            "the following arguments are required: fit.data.source, fit.data.protocol",
            "the following arguments are required: data.source, data.protocol",
        ),
    ],
)
def test_what_a_parser_says_becomes_one_line(message, line, parser):
    assert short_error(message, [parser], [strategy_classes, optim, loggers]) == line
