"""Start the page: the model, the sessions and Gradio's server."""

from __future__ import annotations

import os
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sansa_lightning.page.engine import Engine
    from sansa_lightning.page.samples import Sample

MINIATURE = (
    "**A miniature to try the page on.** The model is nano, the pictures are drawn patterns. The first one is marked: "
    "press *Find in all pictures*. Its masks say nothing about SAM 2; for photographs start the page with "
    "`--base sam2_hiera_large`, perhaps with `--adapter`, and `--images`."
)
NANO = "The model is **nano, a miniature**: too small for photographs. Start with `--base sam2_hiera_large` for those."


def serve(asked: Namespace) -> int:
    """Serve the page until it is interrupted.

    Returns:
        0.

    Raises:
        ValueError: an option does not fit, or the extra is missing.
        FileNotFoundError: a file is missing.
    """
    check_extra()
    from sansa_lightning.page.handlers import Page
    from sansa_lightning.page.samples import sample_pictures

    begin = sample_pictures if asked.images is None else _folder(asked.images)
    root = asked.sessions.absolute()
    page = Page(root, _engine(asked), begin)
    with tempfile.TemporaryDirectory(prefix="sansa_page_") as served:
        _keep_quiet(served)
        from sansa_lightning.page.web.app import built, launched

        blocks = built(page, _notice(asked), Path(served))
        print(f"sessions are kept in {root}")
        launched(blocks, asked.host, asked.port, asked.token, Path(served), root)
    return 0


def check_extra() -> None:
    """Check that Gradio is there, before anything is loaded.

    Raises:
        ValueError: it is not; names the extra.
    """
    if find_spec("gradio") is None:
        msg = "page: needs Gradio; install the extra: pip install 'sansa_lightning[page]'"
        raise ValueError(msg)


def _folder(folder: Path) -> Callable[[], Iterable[Sample]]:
    from sansa_lightning.page.samples import check_folder, folder_pictures

    check_folder(folder)
    return partial(folder_pictures, folder)


def _engine(asked: Namespace) -> Engine:
    import torch

    from sansa_lightning.annotate.job.model import own_base
    from sansa_lightning.annotate.loading import load
    from sansa_lightning.page.engine import Engine

    device = asked.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    base = asked.base or ("nano" if asked.adapter is None else own_base(asked.adapter))
    return Engine(load(base, asked.weights, asked.adapter, device=device), asked.presence)


def _notice(asked: Namespace) -> str:
    if asked.base not in (None, "nano") or asked.adapter is not None:
        return ""
    return MINIATURE if asked.images is None else NANO


def _keep_quiet(served: str) -> None:
    """Nothing is sent or asked for elsewhere, and nothing is served but what is below ``served``."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = served
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    for name in ("GRADIO_SHARE", "GRADIO_ALLOWED_PATHS", "GRADIO_ROOT_PATH"):
        os.environ.pop(name, None)
