"""Options and help of the command ``page``, without torch and Gradio."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SHORTEST_TOKEN = 12


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are a ValueError of one line."""

    def error(self, message: str) -> NoReturn:
        msg = f"{message}; see page --help"
        raise ValueError(msg)


def main(args: Sequence[str]) -> int:
    """The command; see :func:`sansa_lightning.page.serving.serve`."""
    asked = read_options(args)
    from sansa_lightning.page.serving import serve

    return serve(asked)


def read_options(args: Sequence[str]) -> argparse.Namespace:
    """The options of a command line.

    Args:
        args: as after ``page``.

    Raises:
        ValueError: an option is wrong.
        SystemExit: the requested help has been printed.
    """
    parser = _Parser(
        prog="sansa_lightning page",
        description="A local page: mark an object in one picture, see it in the rest; see docs/page.md.",
        epilog="Without options it shows a miniature on drawn patterns, to try it out.",
        allow_abbrev=False,
    )
    parser.add_argument("--base", metavar="NAME", help="the adapter's own if not given; without an adapter nano")
    parser.add_argument("--weights", default="official", help="of the base: official, or a file")
    parser.add_argument("--adapter", type=_path, metavar="RUN_OR_FILE", help="a run folder, or a checkpoint")
    parser.add_argument("--images", type=_path, metavar="DIR", help="pictures with which a session begins")
    kept = "folder in which sessions are kept"
    parser.add_argument("--sessions", type=_path, default=Path("page_sessions"), metavar="DIR", help=kept)
    scored = "also score masks by looking back at the references; takes time"
    parser.add_argument("--presence", action="store_true", help=scored)
    parser.add_argument("--device", default="auto", help="such as cpu or cuda; auto takes a GPU if there is one")
    parser.add_argument("--port", type=_port, default=7860, help="0 takes any that is free")
    parser.add_argument("--host", default=LOOPBACK[0], help="beyond this machine only with --token")
    parser.add_argument("--token", help=f"asked for as the password, at least {SHORTEST_TOKEN} characters")
    asked = parser.parse_args(args)
    _check_token(asked.host, asked.token)
    return asked


def _check_token(host: str, token: str | None) -> None:
    """Refuse to let others in without a token.

    Raises:
        ValueError: they could get in.
    """
    if token is None and host not in LOOPBACK:
        msg = f"--host {host}: others could reach the page; expected --token with it, or {LOOPBACK[0]}"
        raise ValueError(msg)
    if token is not None and len(token) < SHORTEST_TOKEN:
        msg = f"--token: expected at least {SHORTEST_TOKEN} characters, but got {len(token)}"
        raise ValueError(msg)


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        msg = f"expected a number from 0 to 65535, but got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)
