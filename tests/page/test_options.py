from __future__ import annotations

import pytest

from sansa_lightning.page.options import read_options


def test_it_listens_on_this_machine_alone():
    asked = read_options([])
    assert (asked.host, asked.token, asked.base, asked.adapter) == ("127.0.0.1", None, None, None)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--host", "0.0.0.0"], "others could reach the page; expected --token"),  # noqa: S104
        (["--host", "example.org"], "expected --token"),
        (["--token", "short"], "--token: expected at least 12 characters, but got 5"),
        (["--port", "70000"], "expected a number from 0 to 65535"),
        (["--sharing"], "unrecognized arguments: --sharing; see page --help"),
    ],
)
def test_what_is_wrong_is_said(args, says):
    with pytest.raises(ValueError, match=says):
        read_options(args)


def test_others_are_let_in_by_a_token():
    asked = read_options(["--host", "example.org", "--token", "correct horse"])
    assert (asked.host, asked.token) == ("example.org", "correct horse")
