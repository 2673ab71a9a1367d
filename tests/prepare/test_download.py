from __future__ import annotations

import hashlib
import urllib.request
from http.client import HTTPMessage
from io import BytesIO

import numpy as np
import pytest

from sansa_lightning.prepare.benchmark import Remote
from sansa_lightning.prepare.download import Downloader, _NoDowngrade

CONTENT = np.random.default_rng(0).integers(0, 256, 3_000_001, np.uint8).tobytes()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def downloader(waits):
    return Downloader(attempts=3, wait=1.0, timeout=5.0, sleep=waits.append)


def remote(server, content=CONTENT, checksum=True, **changes):
    server.files["/some/file.zip"] = content
    options = {"size": len(content), "checksum": f"md5:{hashlib.md5(CONTENT).hexdigest()}" if checksum else None}  # noqa: S324
    return Remote(f"{server.url}/some/file.zip", **{**options, **changes})


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_and_nothing_else_stays(server, downloader, tmp_path):
    assert downloader.fetch(remote(server), tmp_path / "new" / "file.zip") is False
    assert (tmp_path / "new" / "file.zip").read_bytes() == CONTENT
    assert names(tmp_path / "new") == ["file.zip"]
    assert server.log == [("/some/file.zip", "")]


def test_a_cut_connection_is_gone_on_with(server, downloader, waits, tmp_path):
    server.cut = [1_000_000, 500_000]
    downloader.fetch(remote(server), tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    assert [wanted for _, wanted in server.log] == ["", "bytes=1000000-", "bytes=1500000-"]
    assert waits == [1.0, 1.0]  # each try brought something


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(server, downloader, waits, tmp_path):
    server.cut = [1_000_000, 0, 0, 0]
    with pytest.raises(
        ConnectionError, match=r"file.zip: gave up after 3 tries without progress: .*run again to continue"
    ):
        downloader.fetch(remote(server), tmp_path / "file.zip")
    assert (tmp_path / "file.zip.partial").stat().st_size == 1_000_000
    assert not (tmp_path / "file.zip").exists()
    assert waits == [1.0, 1.0, 2.0]
    server.log.clear()
    downloader.fetch(remote(server), tmp_path / "file.zip")
    assert server.log == [("/some/file.zip", "bytes=1000000-")]
    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    assert names(tmp_path) == ["file.zip"]


def test_a_file_that_was_replaced_meanwhile_begins_anew(server, downloader, tmp_path):
    server.cut = [1_000_000, 0, 0, 0]
    with pytest.raises(ConnectionError):
        downloader.fetch(remote(server, b"x" * 2_000_000, checksum=False), tmp_path / "file.zip")
    assert downloader.fetch(remote(server, checksum=False), tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT


def test_without_a_way_to_tell_versions_apart_nothing_is_taken_up(server, downloader, tmp_path):
    server.etags = False
    server.cut = [1_000_000]
    downloader.fetch(remote(server, checksum=False), tmp_path / "file.zip")
    assert [wanted for _, wanted in server.log] == ["", ""]
    assert (tmp_path / "file.zip").read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges(server, downloader, tmp_path):
    server.ranges = False
    server.cut = [1_000_000]
    downloader.fetch(remote(server), tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("exact", [True, False])
def test_a_complete_file_that_was_not_renamed_is_not_fetched_again(server, downloader, tmp_path, exact):
    (tmp_path / "file.zip.partial").write_bytes(CONTENT)
    downloader.fetch(remote(server, exact=exact, size=len(CONTENT)), tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    assert server.log == [] if exact else [("/some/file.zip", f"bytes={len(CONTENT)}-")]


def test_a_beginning_that_is_longer_than_the_file_begins_anew(server, downloader, tmp_path):
    (tmp_path / "file.zip.partial").write_bytes(CONTENT + b"more")
    downloader.fetch(remote(server), tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT


def test_busy_servers_are_asked_again(server, downloader, waits, tmp_path):
    server.errors = [503, 429]
    downloader.fetch(remote(server), tmp_path / "file.zip")
    assert waits == [1.0, 2.0]
    assert (tmp_path / "file.zip").read_bytes() == CONTENT


def test_what_does_not_exist_is_asked_for_once(server, downloader, waits, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"http://127.*/gone.zip: the server answered 404 .*Not Found"):
        downloader.fetch(Remote(f"{server.url}/gone.zip", 10), tmp_path / "gone.zip")
    assert waits == []
    assert names(tmp_path) == []


def test_no_server_at_all(downloader, waits, tmp_path):
    with pytest.raises(ConnectionError, match="gave up after 3 tries without progress"):
        downloader.fetch(Remote("http://127.0.0.1:9/file.zip", 10), tmp_path / "file.zip")
    assert waits == [1.0, 2.0]  # doubling


def test_a_wrong_checksum_leaves_nothing(server, downloader, tmp_path):
    wrong = b"y" + CONTENT[1:]
    found = hashlib.md5(wrong).hexdigest()  # noqa: S324
    with pytest.raises(ValueError, match=rf"file.zip: expected md5 [0-9a-f]{{32}} as published, but got {found}"):
        downloader.fetch(remote(server, wrong), tmp_path / "file.zip")
    assert names(tmp_path) == []


def test_without_a_published_checksum_the_first_download_is_recorded(server, downloader, tmp_path):
    path = tmp_path / "file.zip"
    assert downloader.fetch(remote(server, checksum=False), path) is True
    assert (tmp_path / "file.zip.sha256").read_text() == f"{hashlib.sha256(CONTENT).hexdigest()}  file.zip\n"
    path.unlink()
    assert downloader.fetch(remote(server, checksum=False), path) is False
    path.unlink()
    with pytest.raises(ValueError, match=r"expected sha256 \w+ as recorded in file.zip.sha256 at the first download"):
        downloader.fetch(remote(server, CONTENT[::-1], checksum=False), path)
    assert names(tmp_path) == ["file.zip.sha256"]


def test_another_size_than_documented_is_refused_before_anything_is_lost(server, downloader, tmp_path):
    (tmp_path / "file.zip.partial").write_bytes(CONTENT[:1000])
    server.ranges = False
    with pytest.raises(ValueError, match="expected 7 bytes as documented, but the server has 3000001"):
        downloader.fetch(remote(server, size=7), tmp_path / "file.zip")
    assert (tmp_path / "file.zip.partial").read_bytes() == CONTENT[:1000]


@pytest.mark.parametrize(
    ("size", "exact", "message"),
    [
        (3_000_000, True, "but got more than 3.0 MB"),
        (1_400_000, False, "expected about 1.4 MB, but got more than 2.8 MB"),
        (3_000_002, True, "expected 3000002 bytes as documented, but got 3000001"),
    ],
)
def test_a_server_that_does_not_say_how_much_it_sends(server, downloader, tmp_path, size, exact, message):
    server.lengths = False
    with pytest.raises(ValueError, match=message):
        downloader.fetch(remote(server, size=size, exact=exact), tmp_path / "file.zip")
    assert not (tmp_path / "file.zip").exists()


def test_a_web_page_is_not_taken_for_the_file(server, downloader, tmp_path):
    server.html = True
    with pytest.raises(ValueError, match="the server answered with a web page"):
        downloader.fetch(remote(server, exact=False, checksum=False), tmp_path / "file.zip")
    assert names(tmp_path) == []


def test_redirections_are_followed_on_the_web_only(server, downloader, tmp_path):
    server.moved["/old.zip"] = "/some/file.zip"
    wanted = remote(server)
    downloader.fetch(Remote(f"{server.url}/old.zip", wanted.size, checksum=wanted.checksum), tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    server.moved["/old.zip"] = "ftp://127.0.0.1/file.zip"
    with pytest.raises(ValueError, match=r"redirects to ftp://127.0.0.1/file.zip; expected an address"):
        downloader.fetch(Remote(f"{server.url}/old.zip", 10), tmp_path / "other.zip")


def test_https_never_becomes_http():
    request = urllib.request.Request("https://one.org/x")
    given = (request, BytesIO(), 302, "Found", HTTPMessage())
    assert _NoDowngrade().redirect_request(*given, "https://two.org/x").full_url == "https://two.org/x"
    with pytest.raises(ValueError, match=r"https://one.org/x redirects to http://two.org/x; expected .* https://"):
        _NoDowngrade().redirect_request(*given, "http://two.org/x")


def test_other_addresses_are_refused(downloader, tmp_path):
    with pytest.raises(ValueError, match="expected an address that begins with https:// or http://, but got 'file:"):
        downloader.fetch(Remote(f"file://{tmp_path}/x", 10), tmp_path / "x")
