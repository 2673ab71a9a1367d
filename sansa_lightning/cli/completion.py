"""Completion of the console script in bash, with the options in each command's help."""

from __future__ import annotations

import re
from contextlib import redirect_stdout, suppress
from io import StringIO
from string import Template

from sansa_lightning.cli.commands import COMMANDS, RUNS, call
from sansa_lightning.cli.grammar import Grammar
from sansa_lightning.cli.recipes import FEW_SHOT, RECIPES

SCRIPT = Template("""\
_sansa_lightning() {
    local word=$${COMP_WORDS[COMP_CWORD]} given="$${COMP_WORDS[*]:1:COMP_CWORD-1}" words
    case "$$given " in
        " ") words="$commands" ;;
$cases
    esac
    # Anything but commands and options is a file: bash's own completion, by -o default.
    [[ $$word == -* || $$words != -* ]] && COMPREPLY=($$(compgen -W "$$words" -- "$$word"))
}
complete -o default -F _sansa_lightning sansa-lightning
""")


def script() -> str:
    """A script for ``~/.bashrc``, or for bash-completion's folder."""
    first = dict.fromkeys(name.partition(" ")[0] for name in COMMANDS)
    groups = {group: [name.split()[1] for name in COMMANDS if name.startswith(f"{group} ")] for group in first}
    cases = {f'"{group} "': members for group, members in groups.items() if members}
    cases |= {f'"{name} "*': _options(name) for name in COMMANDS}
    lines = [f'        {pattern}) words="{" ".join(words)}" ;;' for pattern, words in cases.items()]
    return SCRIPT.substitute(commands=" ".join([*first, "--help", "--version"]), cases="\n".join(lines))


def _options(name: str) -> list[str]:
    """The options in a command's help, in its order; they begin with ``--``."""
    if name in RUNS:
        text = Grammar(RECIPES[FEW_SHOT], [name]).of(name).format_help()
    else:
        with redirect_stdout(StringIO()) as said, suppress(SystemExit):
            call(name, ["--help"])
        text = said.getvalue()
    return list(dict.fromkeys(re.findall(r"(?<![^\s\[(])--[a-z][\w.]*", text)))
