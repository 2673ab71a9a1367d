"""The page: its parts, and what each event calls for."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from sansa_lightning.files.messages import one_line
from sansa_lightning.page.handlers import Page, Place
from sansa_lightning.page.uploads import MOST_BYTES
from sansa_lightning.page.web.layout import TITLE, Layout, laid_out

KEPT = 86400
"""Seconds for which files that were served are kept."""

Shown = tuple[Any, ...]
"""Values of ``Layout.shown``."""


class Events:
    """Gradio's events as calls of the page; what is wrong becomes the line under the picture.

    Args:
        page: does the work.
        served: folder for the files that it serves.
    """

    def __init__(self, page: Page, served: Path) -> None:
        self.page, self.served = page, served

    def enter(self, session: str) -> Shown:
        """The page was loaded."""
        place = self.page.enter(session)
        return place.session, *self.show(place, "")

    def clicked(self, place: Place, kind: str, where: gr.SelectData) -> Shown:
        """A click on the opened picture."""
        return self.answer(place, lambda: self.page.click(place, kind, tuple(where.index)))

    def chosen(self, place: Place, which: gr.SelectData) -> Shown:
        """A picture of the gallery."""
        number = self.page.desk(place.session).session.order()[which.index]
        return self.show(place._replace(number=number, corner=None), "")

    def named(self, place: Place, name: str | None) -> Shown:
        """Another class."""
        return self.show(place._replace(name=(name or "").strip() or place.name, corner=None), "")

    def uploaded(self, place: Place, files: list[str] | None) -> Shown:
        """Pictures; the list of files is emptied."""
        return *self.answer(place, lambda: self.page.upload(place, files or [])), None

    def masked(self, place: Place, file: str) -> Shown:
        """A mask file."""
        return self.answer(place, lambda: self.page.mask_file(place, file))

    def painted(self, place: Place, value: dict[str, Any] | None) -> Shown:
        """The brush."""
        return self.answer(place, lambda: self.page.brush(place, (value or {}).get("layers", [])))

    def brought(self, place: Place, file: str) -> Shown:
        """Masks from a file."""
        return self.answer(place, lambda: self.page.bring_in(place, file))

    def exported(self, place: Place) -> tuple[gr.File, str]:
        """Masks into a file."""
        try:
            return gr.File(self.page.export(place, self.served), visible=True), "exported"
        except (ValueError, OSError) as error:
            return gr.File(None, visible=False), one_line(error)

    def undone(self, place: Place) -> Shown:
        """The last click."""
        return self.answer(place, lambda: self.page.undo(place))

    def cleared(self, place: Place) -> Shown:
        """All marks."""
        return self.answer(place, lambda: self.page.clear(place))

    def ran(self, place: Place) -> Iterator[Shown]:
        """All pictures, shown as they come."""
        yield from self._answers(place, self.page.run)  # a generator, or Gradio takes it for a value

    def promoted(self, place: Place) -> Iterator[Shown]:
        """A target that becomes a reference."""
        yield from self._answers(place, self.page.promote)

    def show(self, place: Place, told: str) -> Shown:
        """The page as it is now, with a line on what was done."""
        page, classes = self.page, self.page.desk(place.session).session.classes
        names = gr.Dropdown(choices=[*dict.fromkeys([*classes, place.name])], value=place.name)
        return place, told, page.gallery(place), page.opened(place), names

    def answer(self, place: Place, act: Callable[[], tuple[Place, str]]) -> Shown:
        """The page after something was done, or why it was not."""
        try:
            return self.show(*act())
        except (ValueError, OSError) as error:
            return self.show(place, one_line(error))

    def _answers(self, place: Place, act: Callable[[Place], Iterator[tuple[Place, str]]]) -> Iterator[Shown]:
        try:
            for step in act(place):
                yield self.show(*step)
        except (ValueError, OSError) as error:
            yield self.show(place, one_line(error))


def built(page: Page, notice: str, served: Path) -> gr.Blocks:
    """The page, not served yet.

    Args:
        page: does the work.
        notice: what stands on top, Markdown; nothing if empty.
        served: folder for the files that it serves.
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(KEPT, KEPT)) as blocks:
        _wire(blocks, laid_out(notice), Events(page, served))
    return blocks


def _wire(blocks: gr.Blocks, layout: Layout, events: Events) -> None:
    bench, shelf, place, shown = layout.bench, layout.shelf, layout.place, layout.shown
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    blocks.load(events.enter, [layout.browser], [layout.browser, *shown], **quiet)
    bench.picture.select(events.clicked, [place, bench.tool], shown, **quiet)
    bench.name.input(events.named, [place, bench.name], shown, **quiet)
    bench.run.click(events.ran, [place], shown, **quiet)
    bench.promote.click(events.promoted, [place], shown, **quiet)
    bench.undo.click(events.undone, [place], shown, **quiet)
    bench.clear.click(events.cleared, [place], shown, **quiet)
    bench.mask.upload(events.masked, [place, bench.mask], shown, **quiet)
    bench.fetch.click(events.page.bare, [place], [bench.paint], **quiet)
    bench.painted.click(events.painted, [place, bench.paint], shown, **quiet)
    shelf.gallery.select(events.chosen, [place], shown, **quiet)
    shelf.upload.upload(events.uploaded, [place, shelf.upload], [*shown, shelf.upload], **quiet)
    shelf.bring.upload(events.brought, [place, shelf.bring], shown, **quiet)
    shelf.export.click(events.exported, [place], [shelf.archive, bench.told], **quiet)


def launched(
    blocks: gr.Blocks, host: str, port: int, token: str | None, served: Path, sessions: Path, wait: bool = True
) -> str:
    """Serve a page; returns its address.

    Args:
        blocks: the page.
        host: that it listens on.
        port: 0 takes any that is free.
        token: the password, whatever the name; None asks for none.
        served: the one folder of which files are given out.
        sessions: of which none is.
        wait: until it is interrupted.
    """
    # Fonts of the system: the themes of Gradio fetch theirs.
    theme = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"])
    _, address, _ = blocks.queue(api_open=False, default_concurrency_limit=4).launch(
        server_name=host,
        server_port=port or None,
        auth=None if token is None else (lambda _, given: hmac.compare_digest(given.encode(), token.encode())),
        auth_message="Any name; the password is the token that the page was started with.",
        allowed_paths=[str(served)],
        blocked_paths=[str(sessions)],
        max_file_size=MOST_BYTES,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        footer_links=[],
        run_history=False,
        show_error=False,
        theme=theme,
    )
    print(f"the page is at {address}", flush=True)
    if wait:
        blocks.block_thread()
    return str(address)
