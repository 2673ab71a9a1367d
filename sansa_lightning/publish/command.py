"""``python -m sansa_lightning publish RUN --repo OWNER/NAME``: an adapter for the Hugging Face hub."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from sansa_lightning.files.messages import one_line
from sansa_lightning.runs.folder import expanded


def publish(args: Sequence[str]) -> int:
    """The command ``publish``: write the folder, and push it if there is a token.

    Returns:
        0.

    Raises:
        ValueError: the run or the repository's name does not fit, the folder holds other files, or the hub refuses.
    """
    given = publish_parser().parse_args(args)
    check_name(given.repo)
    from sansa_lightning.publish.facts import Licences
    from sansa_lightning.publish.folder import write_adapter

    out = given.out or Path("published") / given.repo.replace("/", "_")
    write_adapter(given.run, out, given.repo, Licences(given.licence, given.data_licence))
    print(f"{out}: adapter, configuration and card")
    print(push(out, given.repo, public=given.public))
    return 0


def check_name(repository: str) -> None:
    """Refuse a name that the hub does not take.

    Raises:
        ValueError: it is not ``owner/name``, or breaks a rule of the hub.
    """
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # documented, but not in __all__

    if repository.count("/") != 1:
        msg = f"--repo: expected OWNER/NAME, but got {repository!r}"
        raise ValueError(msg)
    try:
        validate_repo_id(repository)
    except ValueError as error:
        msg = f"--repo: expected OWNER/NAME as the hub takes it, but got {repository!r}: {one_line(error)}"
        raise ValueError(msg) from error


def push(folder: Path, repository: str, *, public: bool) -> str:
    """Push a folder to the hub, with the token of this machine.

    Args:
        folder: that was written.
        repository: made if it is not there; an existing one keeps its visibility.
        public: whether a new one can be seen by everybody.

    Returns:
        A line about what was done.

    Raises:
        ValueError: the hub refuses, or cannot be reached.
    """
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        return "not pushed: no token; log in with `hf auth login`, or set HF_TOKEN, and run the same command again"
    api = HfApi()
    try:
        api.create_repo(repository, private=not public, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Adapter, configuration and card")
    except Exception as error:  # of the hub's HTTP library, whose classes differ between versions
        msg = f"publish: {folder} is complete, but could not be pushed to {repository}: {one_line(error)[:300]}"
        raise ValueError(msg) from error
    return f'pushed: sansa_lightning.load(..., adapter="hub:{repository}")'


def publish_parser() -> argparse.ArgumentParser:
    """Options of ``publish``."""
    made = argparse.ArgumentParser("sansa_lightning publish", allow_abbrev=False)
    made.add_argument("run", type=expanded, metavar="RUN", help="folder of a finished fit")
    made.add_argument("--repo", required=True, metavar="OWNER/NAME", help="repository of the Hugging Face hub")
    made.add_argument("--out", type=expanded, help="folder for the files; published/OWNER_NAME if not given")
    made.add_argument("--public", action="store_true", help="a new repository is public; private if not given")
    made.add_argument("--licence", default="", metavar="SPDX", help="of the tensors, such as apache-2.0")
    made.add_argument("--data_licence", default="", metavar="TEXT", help="terms of the training data, for the card")
    return made
