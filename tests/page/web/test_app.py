"""What the server gives to whom; the page in a browser is in test_browser.py."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request

import pytest

from page.builders import segmenter
from sansa_lightning.page.engine import Engine
from sansa_lightning.page.handlers import Page
from sansa_lightning.page.session import FILE

pytest.importorskip("gradio", reason="needs the extra page", exc_type=ImportError)

TOKEN = "correct horse battery"  # noqa: S105


@pytest.fixture(scope="module", params=[None, TOKEN], ids=["open", "token"])
def server(request, tmp_path_factory):
    from sansa_lightning.page.samples import sample_pictures
    from sansa_lightning.page.web.app import built, launched

    with pytest.MonkeyPatch.context() as patch:
        served, root = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("sessions")
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        patch.setenv("GRADIO_TEMP_DIR", str(served))
        page = Page(root, Engine(segmenter()), sample_pictures)
        blocks = built(page, "", served)
        yield launched(blocks, "127.0.0.1", 0, request.param, served, root, wait=False), page, request.param
        blocks.close()


def status(address, data=None):
    try:
        with urllib.request.urlopen(address, data, timeout=30) as answer:  # noqa: S310
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.slow
def test_no_file_but_what_is_served(server):
    address, page, token = server
    session = page.desk(page.enter("").session).session.folder
    assert (session / FILE).is_file()
    for path in ("/etc/passwd", session / FILE, session / "1.png", __file__, "../../etc/passwd", "setup.cfg"):
        found = status(f"{address}gradio_api/file={urllib.parse.quote(str(path))}")
        assert found == (401 if token else 403), path


@pytest.mark.slow
def test_no_event_is_an_open_interface(server):
    address, _, token = server
    found = status(f"{address}gradio_api/run/predict", b'{"data": [], "fn_index": 0}')
    assert found in ((401,) if token else (404, 405, 422))


@pytest.mark.slow
def test_a_token_is_asked_for(server):
    address, _, token = server
    assert status(f"{address}config") == (401 if token else 200)
    if token:
        login = [urllib.parse.urlencode({"username": "any", "password": word}).encode() for word in ("wrong", token)]
        assert [status(f"{address}login", each) for each in login] == [400, 200]
