"""Files of the Hugging Face hub: from the local cache, else downloaded, and checked."""

from __future__ import annotations

import re
from pathlib import Path

from sansa_lightning.files.whole import sha256_of


def hub_file(repository: str, filename: str, owner: str, remedy: str) -> Path:
    """A file in the local Hugging Face cache, downloaded (or the download resumed) if it is missing.

    Args:
        repository: ``owner/name``.
        filename: in the repository.
        owner: what wants it; the beginning of the messages.
        remedy: what to do without the hub; the end of the message.

    Raises:
        FileNotFoundError: the hub cannot be reached, or refuses.
        ValueError: the file in the cache is not the one the hub announced (SHA-256).
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    # A broken connection raises an error of the hub's HTTP library, from which the hub's own errors derive.
    parents: tuple[type, ...] = HfHubHTTPError.__mro__
    broken: list[type[Exception]] = [base for base in parents if base.__name__ in ("HTTPError", "OSError")]
    broken.append(HFValidationError)  # of a name that no repository can have
    try:
        path = Path(hf_hub_download(repo_id=repository, filename=filename))
    except tuple(broken) as error:
        msg = (
            f"{owner}: {filename} is not in the local cache and cannot be fetched from the Hugging Face hub "
            f"({repository}); {remedy}"
        )
        raise FileNotFoundError(msg) from error
    announced = path.resolve().name  # the hub names the blobs of large files by their SHA-256
    if re.fullmatch("[0-9a-f]{64}", announced) and sha256_of(path) != announced:
        msg = f"{owner}: {path.resolve()} is corrupt (SHA-256 differs from the hub's); delete it and run again"
        raise ValueError(msg)
    return path
