"""Headless Chromium by its own protocol: what a page looks like, what it says, and what it asks the network for."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0")
QUIET = ("--no-first-run", "--disable-background-networking", "--disable-extensions", "--disable-sync")
PATIENCE = 100
"""Seconds until it must have answered: it starts slowly where others work too."""


@dataclass
class Seen:
    """What was seen of a page.

    Attributes:
        answers: of the scripts that were evaluated.
        said: errors and warnings of the console.
        asked: addresses that were asked for, other than files and data in the page.
    """

    answers: list[Any] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


def look_at(page: Path, width: int, scripts: Sequence[str], *, dark: bool = False, picture: Path | None = None) -> Seen:
    """Open a page.

    Args:
        page: the file.
        width: of the window, pixels.
        scripts: evaluated one after the other.
        dark: whether the reader prefers a dark ground.
        picture: PNG of the whole page, drawn at the end; None for none.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [str(CHROMIUM), *OPTIONS, *QUIET, f"--user-data-dir={folder}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = _port(Path(folder) / "DevToolsActivePort")
            return asyncio.run(_look(port, page, width, scripts, dark, picture))
        finally:
            process.kill()
            process.wait()


def _port(file: Path) -> int:
    for _ in range(4 * PATIENCE):
        if file.is_file() and (lines := file.read_text().splitlines()):
            return int(lines[0])
        time.sleep(0.25)
    msg = "Chromium did not start"
    raise TimeoutError(msg)


async def _look(port: int, page: Path, width: int, scripts: Sequence[str], dark: bool, picture: Path | None) -> Seen:
    import aiohttp

    seen = Seen()
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            place = next(each for each in await answer.json() if each["type"] == "page")["webSocketDebuggerUrl"]
        async with session.ws_connect(place, max_msg_size=0) as socket:
            number = 0

            async def call(method: str, until: str = "", **params: Any) -> dict[str, Any]:
                """Call, and read what comes until the answer, and the event, are there."""
                nonlocal number
                number += 1
                await socket.send_json({"id": number, "method": method, "params": params})
                result, waiting = None, bool(until)
                while result is None or waiting:
                    content = json.loads((await socket.receive(timeout=PATIENCE)).data)
                    _note(content, seen)
                    waiting = waiting and content.get("method") != until
                    result = content if content.get("id") == number else result
                return result["result"]

            for domain in ("Page", "Runtime", "Log", "Network"):
                await call(f"{domain}.enable")
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            await call("Emulation.setDeviceMetricsOverride", **size)
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            await call("Emulation.setEmulatedMedia", features=[scheme])
            await call("Page.navigate", until="Page.loadEventFired", url=page.absolute().as_uri())
            for script in scripts:
                found = await call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
                seen.answers.append(found["result"].get("value"))
            if picture is not None:
                drawn = await call("Page.captureScreenshot", captureBeyondViewport=True)
                picture.write_bytes(base64.b64decode(drawn["data"]))
    return seen


def _note(content: dict[str, Any], seen: Seen) -> None:
    params = content.get("params", {})
    if content.get("method") == "Network.requestWillBeSent":
        address = params["request"]["url"]
        seen.asked += [] if address.startswith(("file:", "data:")) else [address]
    elif content.get("method") == "Log.entryAdded":
        seen.said.append(params["entry"]["text"])
    elif content.get("method") == "Runtime.exceptionThrown":
        seen.said.append(str(params["exceptionDetails"]))
    elif content.get("method") == "Runtime.consoleAPICalled":
        seen.said.append(str(params["args"]))
