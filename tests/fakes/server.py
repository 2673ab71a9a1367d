"""A web server on this machine that behaves as well or as badly as a test wants."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FakeServer:
    """Serves bytes with Range, If-Range and ETag.

    Attributes:
        url: its address, without a slash at the end.
        files: path (with its slash) -> content.
        log: (path, Range header or "") of each request.
        cut: bytes of the body after which a connection is cut, taken from the front for each request with a body.
        errors: statuses to answer with before anything else, taken from the front.
        ranges: whether it knows Range.
        etags: whether it gives an ETag.
        lengths: whether it says how long the body is.
        html: whether it answers everything with a web page.
        moved: path -> address to redirect to.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)
    ranges: bool = True
    etags: bool = True
    lengths: bool = True
    html: bool = False
    moved: dict[str, str] = field(default_factory=dict)


@contextmanager
def serving() -> Iterator[FakeServer]:
    """A server while the block runs."""
    fake = FakeServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, fake)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, fake: FakeServer) -> None:
    wanted = handler.headers.get("Range", "")
    fake.log.append((handler.path, wanted))
    if fake.errors:
        handler.send_error(fake.errors.pop(0))
        return
    if handler.path in fake.moved:
        handler.send_response(302)
        handler.send_header("Location", fake.moved[handler.path])
        handler.end_headers()
        return
    if handler.path not in fake.files:
        handler.send_error(404)
        return
    content = fake.files[handler.path]
    tag = f'"{hash(content)}"'
    start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and fake.ranges else 0
    if start and handler.headers.get("If-Range", tag) != tag:
        start = 0
    if start >= len(content) > 0:
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{len(content)}")
        handler.end_headers()
        return
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    if fake.etags:
        handler.send_header("ETag", tag)
    if fake.lengths:
        handler.send_header("Content-Length", str(len(content) - start))
    handler.send_header("Content-Type", "text/html" if fake.html else "application/octet-stream")
    handler.end_headers()
    body = content[start:]
    handler.wfile.write(body[: fake.cut.pop(0)] if fake.cut else body)
