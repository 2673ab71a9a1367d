"""Fetch files over HTTP: resume interrupted transfers, try again, and check a file before it gets its name."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO

from sansa_lightning.files.whole import PARTIAL, write_text
from sansa_lightning.prepare.benchmark import Remote
from sansa_lightning.prepare.checksums import check, record_or_compare
from sansa_lightning.prepare.progress import bytes_text, progress

_BLOCK = 1 << 20
_VALIDATOR = ".validator"
_AGAIN = frozenset({408, 429, *range(500, 600)})
"""HTTP statuses after which another try is worthwhile."""


class _BrokenOffError(Exception):
    """The transfer ended early or cannot continue; the next try may succeed."""


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows redirections to other servers, but from https only to https."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        allowed = ("https://",) if req.type == "https" else ("https://", "http://")
        if not newurl.startswith(allowed):
            message = f"{req.full_url} redirects to {newurl}; expected an address that begins with {allowed[0]}"
            raise ValueError(message)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(frozen=True)
class Downloader:
    """Fetches one file at a time.

    A file is written as ``<name>.partial``. After an interruption that stays, and the next call continues it if the
    server still has the same file. A complete file is checked and renamed.

    Attributes:
        attempts: number of tries in a row without progress before it gives up.
        wait: seconds before the second try, doubled before each further one.
        timeout: seconds without an answer or data after which a try fails.
        sleep: waits; for tests.
    """

    attempts: int = 6
    wait: float = 1.0
    timeout: float = 60.0
    sleep: Callable[[float], None] = time.sleep

    def fetch(self, remote: Remote, path: Path) -> bool:
        """Fetch a missing file.

        Returns:
            Whether there was no checksum to compare, so that its SHA-256 has been recorded.

        Raises:
            ValueError: the server has another file: wrong size, a web page, or a wrong checksum; then nothing is kept.
            OSError: the server cannot be reached or does not have it; the received beginning is kept for the next call.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = partial_of(path)
        if not (remote.exact and _size(partial) == remote.size):
            self._complete(remote, partial)
        try:
            new = _check(remote, partial, path)
        except ValueError:
            partial.unlink()
            _validator_of(partial).unlink(missing_ok=True)
            raise
        partial.replace(path)
        _validator_of(partial).unlink(missing_ok=True)
        return new

    def _complete(self, remote: Remote, partial: Path) -> None:
        failed = 0
        while True:
            before = _size(partial)
            try:
                return self._continue(remote, partial)
            except _REPEATED as error:
                status = getattr(error, "code", None)
                if status is not None and status not in _AGAIN:
                    msg = f"{remote.url}: the server answered {status} {error}"
                    raise FileNotFoundError(msg) from error
                failed = 0 if _size(partial) > before else failed + 1
                if failed >= self.attempts:
                    msg = f"{remote.url}: gave up after {failed} tries without progress: {error}; run again to continue"
                    raise ConnectionError(msg) from error
                self.sleep(self.wait * 2 ** max(failed - 1, 0))

    def _continue(self, remote: Remote, partial: Path) -> None:
        """One request, for the missing bytes."""
        have = _resumable(remote, partial)
        request = _request(remote, partial, have)
        opener = urllib.request.build_opener(_NoDowngrade)
        try:
            answer: HTTPResponse = opener.open(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            if error.code != 416 or not have:
                raise
            if error.headers.get("Content-Range") == f"bytes */{have}":
                return  # it is complete
            raise _not_a_beginning(partial) from error
        with answer:
            start = have if answer.status == 206 else 0  # otherwise the server sends the whole file
            if start and not (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
                raise _not_a_beginning(partial)
            total = _total(answer, start)
            _check_offer(remote, answer, total)
            if not start:
                _remember(answer, partial)
            _copy(answer, partial, start, total, remote)


_REPEATED = (urllib.error.URLError, HTTPException, ConnectionError, TimeoutError, _BrokenOffError)


def _check(remote: Remote, partial: Path, path: Path) -> bool:
    """Check a complete file; returns whether its SHA-256 was recorded because there was none to compare."""
    if remote.checksum is not None:
        check(partial, remote.checksum, remote.url)
        return False
    return record_or_compare(partial, path)


def partial_of(path: Path) -> Path:
    """The name of a file while it is being fetched."""
    return path.with_name(path.name + PARTIAL)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _validator_of(partial: Path) -> Path:
    """The file with the server's identifier of the version of which ``partial`` is the beginning."""
    return partial.with_name(partial.name + _VALIDATOR)


def _resumable(remote: Remote, partial: Path) -> int:
    """Number of bytes from which the transfer can continue; 0 if a new version of the file would not be noticed."""
    return _size(partial) if _validator_of(partial).is_file() or remote.checksum else 0


def _request(remote: Remote, partial: Path, have: int) -> urllib.request.Request:
    if not remote.url.startswith(("https://", "http://")):
        msg = f"expected an address that begins with https:// or http://, but got {remote.url!r}"
        raise ValueError(msg)
    request = urllib.request.Request(remote.url, headers={"Accept-Encoding": "identity"})  # noqa: S310 - as checked
    request.add_header("User-Agent", "sansa_lightning")
    if have:
        request.add_header("Range", f"bytes={have}-")
        if _validator_of(partial).is_file():
            request.add_header("If-Range", _validator_of(partial).read_text(encoding="utf-8").strip())
    return request


def _not_a_beginning(partial: Path) -> _BrokenOffError:
    """Delete the partial file, so that the next try starts from the beginning."""
    partial.unlink(missing_ok=True)
    return _BrokenOffError("the server does not continue the interrupted transfer")


def _total(answer: HTTPResponse, start: int) -> int | None:
    length = answer.headers.get("Content-Length", "")
    return start + int(length) if length.isdigit() else None


def _check_offer(remote: Remote, answer: HTTPResponse, total: int | None) -> None:
    if answer.headers.get_content_type() == "text/html":
        msg = f"{remote.url}: expected a file, but the server answered with a web page; look at it in a browser"
        raise ValueError(msg)
    if remote.exact and total is not None and total != remote.size:
        msg = f"{remote.url}: expected {remote.size} bytes as documented, but the server has {total}"
        raise ValueError(msg)


def _remember(answer: HTTPResponse, partial: Path) -> None:
    tag = answer.headers.get("ETag", "")
    validator = tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")  # a weak tag does not do
    if validator:
        write_text(_validator_of(partial), validator)
    else:
        _validator_of(partial).unlink(missing_ok=True)


def _copy(answer: HTTPResponse, partial: Path, start: int, total: int | None, remote: Remote) -> None:
    most = total if total is not None else remote.size if remote.exact else 2 * remote.size
    done = start
    with partial.open("r+b" if start else "wb") as file, progress(remote.name, total, done=start) as bar:
        file.seek(start)
        while block := answer.read(_BLOCK):
            done += len(block)
            if done > most:
                msg = f"{remote.url}: expected about {bytes_text(remote.size)}, but got more than {bytes_text(most)}"
                raise ValueError(msg)
            file.write(block)
            bar.update(len(block))
    if total is not None and done < total:
        what = f"the connection ended after {done} of {total} bytes"
        raise _BrokenOffError(what)
    if total is None and remote.exact and done != remote.size:
        msg = f"{remote.url}: expected {remote.size} bytes as documented, but got {done}"
        raise ValueError(msg)
