"""README and docs/: the files, sections and commands that they name exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

import sansa_lightning
from sansa_lightning.ablate.options import ablate_parser, params_parser
from sansa_lightning.cli.commands import COMMANDS, RUNS, named
from sansa_lightning.cli.grammar import Grammar
from sansa_lightning.cli.recipes import FEW_SHOT, RECIPES, chosen_recipe
from sansa_lightning.describe.options import read_options
from sansa_lightning.prepare.benchmarks import BENCHMARKS
from sansa_lightning.publish.command import publish_parser
from sansa_lightning.report.command import report_parser

ROOT = Path(sansa_lightning.__file__).parents[1]
PAGES = (
    *(ROOT / name for name in ("README.md", "SECURITY.md", "ablations/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
FOLDERS = "ablations|benchmarks|docs|experiments|sansa_lightning|tests|tools"
PATHS = re.compile(rf"(?<![\w/.])(?:{FOLDERS})/[\w./*{{}},-]+[\w*}}/]")
INSIDE = re.compile(r"`((?:annotate|checkpoints|cli|data|files|images|runs|trackers|prepare)/[\w/]+\.py)`")
"""Files of the package as SECURITY.md has them."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def unfolded(name: str) -> list[str]:
    """The names that a{b,c}d stands for, as in a shell."""
    parts = re.split(r"\{([^{}]*)\}", name)
    return [
        "".join(chosen) for chosen in product(*(part.split(",") if i % 2 else [part] for i, part in enumerate(parts)))
    ]


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def commands() -> Iterator[tuple[str, str]]:
    """Every call of the command line in a block of code, with its page; a line may be continued by a backslash."""
    for page in PAGES:
        blocks = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        for block in (text for language, text in blocks if not language):
            for line in block.replace("\\\n", " ").splitlines():
                if found := re.match(r" *python -m sansa_lightning (.*)", line):
                    yield page.relative_to(ROOT).as_posix(), found[1]


def arguments(command: str) -> list[str]:
    """What stands for something is put in its place."""
    places = {"RUN/config.yaml": "experiments/nano/adapt.yaml", "NAME": "coco20i", "$fold": "0"}
    for name, value in places.items():
        command = command.replace(name, value)
    return shlex.split(command, comments=True)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_the_index_has_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"} == set(
        re.findall(r"^\| \[([\w]+\.md)\]", index, re.MULTILINE)
    )


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            file = (page.parent / name).resolve() if name else page
            assert file.exists(), target
            assert not anchor or anchor in map(slug, headings(file)), target


@each_page
def test_files_that_are_named_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named_files = [*PATHS.findall(text), *(f"sansa_lightning/{name}" for name in INSIDE.findall(text))]
    missing = [name for whole in named_files for name in unfolded(whole) if not list(ROOT.glob(name.rstrip("/")))]
    assert not missing


def test_sections_that_the_code_cites_are_there() -> None:
    known = {heading.split(" ")[0].rstrip(".") for heading in headings(ROOT / "docs" / "sansa.md")}
    files = [
        path for room in FOLDERS.split("|") for path in (ROOT / room).rglob("*") if path.suffix in (".py", ".yaml")
    ]
    cited = {
        number
        for path in files
        for place in re.findall(r"docs/sansa\.md ([\d., to]*\d)", path.read_text(encoding="utf-8"))
        for number in re.findall(r"\d+(?:\.\d+)?", place.split(", step")[0])
    }
    assert len(cited) > 20
    assert {number for number in cited if "." in number} <= known


@pytest.fixture(scope="module")
def grammars() -> dict[str, Grammar]:
    """Of one subcommand each: the options of the others are the same."""
    return {name: Grammar(recipe, ["fit"]) for name, recipe in RECIPES.items()}


@pytest.mark.slow
def test_runs_can_be_configured(grammars: dict[str, Grammar], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    seen = 0
    for page, command in commands():
        args = [arg for arg in arguments(command) if arg != "--print_config"]
        if args[0] in RUNS and page != "docs/extending.md":  # whose files are those of test_extending.py
            grammars[chosen_recipe(args).name].read(["fit", *args[1:]])
            seen += 1
    assert seen > 15


def test_tables_are_there() -> None:
    parsers = {"ablate": ablate_parser(), "params": params_parser()}
    tables = [args for _, command in commands() if (args := arguments(command))[0] in parsers]
    assert len(tables) > 5
    for name, *rest in tables:
        given = parsers[name].parse_args(rest)
        for path in [*given.tables, *getattr(given, "config", [])]:
            assert list(ROOT.glob(str(path))), path


def test_reports_and_cards_have_these_options() -> None:
    parsers = {"report": report_parser(), "publish": publish_parser()}
    called = [args for _, command in commands() if (args := arguments(command))[0] in parsers]
    assert len(called) > 3
    for name, *rest in called:
        parsers[name].parse_args(rest)  # exits if an option is not there


def test_data_commands(grammars: dict[str, Grammar], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    called = [args for _, command in commands() if (args := arguments(command))[0] == "data"]
    assert len(called) > 5
    for _, name, *rest in called:
        if name == "describe":
            asked = read_options(rest)
            files = [part for file in asked.config for part in ("--config", str(file))]
            grammars[FEW_SHOT].read(["fit", *files, *(f"--{key}={value}" for key, value in asked.settings.items())])
        else:
            assert f"data {name}" in COMMANDS
            assert rest[0] in BENCHMARKS


def test_every_command_is_one() -> None:
    for _, command in commands():
        args = arguments(command)
        assert args[0] == "--help" or named(args)[0] in COMMANDS
