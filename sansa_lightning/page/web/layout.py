"""What is on the page, of Gradio's parts."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from sansa_lightning.page.handlers import REFERENCE, TOOLS, Place

TITLE = "Mark one, see the rest"

HELP = """1. Add pictures. Choose one, name the class, and mark the object: clicks on it and beside it, a box, a brush
   or a mask file.
2. **Find in all pictures.** The least certain come first.
3. Wrong? Choose the picture and click on what is missing or too much. **Make it a reference**, and the others learn
   from it.
4. **Export** gives COCO's JSON and index maps."""

KEY = "sansa_page"
"""Of the session's id in the browser. Gradio also encrypts it, but sends the key along, so that is no secret."""


@dataclass(frozen=True)
class Workbench:
    """What changes the opened picture, and shows it.

    Attributes:
        picture: opened; clicks on it are events.
        told: one line on what was done, or why it was not.
        tool: what a click means.
        name: of the class.
        paint: the editor for the brush.
        fetch: puts the opened picture into it.
    """

    picture: gr.Image
    told: gr.Markdown
    tool: gr.Radio
    name: gr.Dropdown
    run: gr.Button
    promote: gr.Button
    undo: gr.Button
    clear: gr.Button
    mask: gr.UploadButton
    paint: gr.ImageEditor
    fetch: gr.Button
    painted: gr.Button


@dataclass(frozen=True)
class Shelf:
    """All pictures, and what goes in and out."""

    upload: gr.File
    gallery: gr.Gallery
    export: gr.Button
    bring: gr.UploadButton
    archive: gr.File


@dataclass(frozen=True)
class Layout:
    """The page.

    Attributes:
        browser: the id of the session that it remembers.
        place: where the person is.
    """

    browser: gr.BrowserState
    place: gr.State
    bench: Workbench
    shelf: Shelf

    @property
    def shown(self) -> list[gr.components.Component]:
        """What may be different after each event."""
        return [self.place, self.bench.told, self.shelf.gallery, self.bench.picture, self.bench.name]


def laid_out(notice: str) -> Layout:
    """The parts, within ``gr.Blocks``; ``notice`` is Markdown that stands on top, nothing if empty."""
    browser, place = gr.BrowserState("", storage_key=KEY, secret=KEY), gr.State(Place(""))
    gr.Markdown(f"# {TITLE}")
    if notice:
        gr.Markdown(notice)
    gr.Markdown(HELP)
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            bench = _workbench()
        with gr.Column(scale=2, min_width=320):
            shelf = _shelf()
    return Layout(browser, place, bench, shelf)


def _workbench() -> Workbench:
    picture = gr.Image(label="Click on the object", interactive=False, format="png", elem_id="picture", buttons=[])
    told = gr.Markdown("", elem_id="told")
    with gr.Row():
        tool = gr.Radio(TOOLS, value=TOOLS[0], label="A click means", elem_id="tool")
        name = gr.Dropdown([], label="Class", allow_custom_value=True, interactive=True, elem_id="class")
    with gr.Row():
        run = gr.Button("Find in all pictures", variant="primary", elem_id="run")
        promote = gr.Button(REFERENCE, elem_id="promote")
    with gr.Row():
        undo = gr.Button("Undo", elem_id="undo", size="sm")
        clear = gr.Button("Clear", elem_id="clear", size="sm")
        mask = gr.UploadButton("Mask file", elem_id="mask", size="sm")
    with gr.Accordion("Brush", open=False, elem_id="brush"):
        with gr.Row():
            fetch = gr.Button("Paint on the chosen picture", elem_id="fetch", size="sm")
            painted = gr.Button("Use what is painted", elem_id="painted", size="sm")
        brush = gr.Brush(default_size=16, default_color="#2ea0ff", colors=["#2ea0ff"], color_mode="fixed")
        paint = gr.ImageEditor(sources=(), transforms=(), layers=False, brush=brush, height=480, show_label=False)
    return Workbench(picture, told, tool, name, run, promote, undo, clear, mask, paint, fetch, painted)


def _shelf() -> Shelf:
    upload = gr.File(file_count="multiple", label="Add pictures", height=120, elem_id="upload")
    gallery = gr.Gallery(
        label="Pictures, least certain first", columns=2, allow_preview=False, elem_id="gallery", buttons=[]
    )
    with gr.Row():
        export = gr.Button("Export", size="sm", elem_id="export")
        bring = gr.UploadButton("Import masks", size="sm", elem_id="bring")
    archive = gr.File(label="Exported", elem_id="archive", interactive=False, visible=False)
    return Shelf(upload, gallery, export, bring, archive)
