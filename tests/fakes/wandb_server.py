"""The part of a W&B server that ``wandb sync`` talks to, on this machine: it keeps what it is sent."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class FakeWandb(ThreadingHTTPServer):
    """Listens on a free port of the loopback interface.

    Attributes:
        config: of the run, by key.
        history: one mapping a row.
        summary: the last one.
        uploads: content of each file, by its name.
        unknown: operations that it has no answer to.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.config: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.uploads: dict[str, bytes] = {}
        self.unknown: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """What the server says to an operation of its GraphQL interface."""
        if operation == "ServerFeaturesQuery":
            return {"serverInfo": {"features": []}}
        if operation == "RunResumeStatus":
            return {"model": {"id": "project", "name": variables["project"], "bucket": None}}  # it is a new one
        if operation == "UpsertBucket":
            self.config |= {key: item["value"] for key, item in json.loads(variables["config"] or "{}").items()}
            return {"upsertBucket": {"bucket": _bucket(variables), "inserted": True}}
        if operation == "CreateArtifact":
            artifact = {"id": "artifact", "state": "COMMITTED", "artifactSequence": {"latestArtifact": None}}
            return {"createArtifact": {"artifact": artifact}}
        if operation == "CreateRunFiles":
            files = [{"name": name, "uploadUrl": f"{self.address}/upload/{name}"} for name in variables["files"]]
            return {"createRunFiles": {"runID": "run", "uploadHeaders": [], "files": files}}
        self.unknown.append(operation)
        return {}

    def stream(self, content: dict[str, Any]) -> None:
        """Take lines of the history and the summary."""
        files = content.get("files") or {}
        self.history += [json.loads(line) for line in files.get("wandb-history.jsonl", {}).get("content", [])]
        for line in files.get("wandb-summary.json", {}).get("content", []):
            self.summary = json.loads(line)


class _Handler(BaseHTTPRequestHandler):
    server: FakeWandb

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/graphql":
            content = json.loads(body)
            operation = content.get("operationName") or content["query"].split("(")[0].split()[-1]
            self._send({"data": self.server.answer(operation, content.get("variables") or {})})
        else:
            if self.path.endswith("/file_stream"):
                self.server.stream(json.loads(body))
            self._send({})  # what else comes is about W&B's own health

    def do_PUT(self) -> None:
        self.server.uploads[self.path.removeprefix("/upload/")] = self._body()
        self._send({})

    def log_message(self, *args: object) -> None:
        """Print nothing."""

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _send(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def wandb_server() -> Iterator[FakeWandb]:
    """A server that runs for the time of the block."""
    server = FakeWandb()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _bucket(variables: dict[str, Any]) -> dict[str, Any]:
    project = {"id": "project", "name": variables["project"], "entity": {"id": "entity", "name": "someone"}}
    return {
        "id": "bucket",
        "name": variables["name"],
        "displayName": "a run",
        "description": None,
        "config": None,
        "sweepName": None,
        "project": project,
        "historyLineCount": 0,
    }
