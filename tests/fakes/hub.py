"""A Hugging Face hub in a folder: what is pushed to it can be downloaded."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError


class FakeHub:
    """Stands for ``HfApi`` and ``hf_hub_download``.

    Args:
        folder: with a folder for each repository.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.private: dict[str, bool] = {}
        self.refusal: Exception | None = None

    def install(self, patch: pytest.MonkeyPatch, token: str | None) -> None:
        """Take the place of the real one, on a machine with a token or without."""
        patch.setattr("huggingface_hub.HfApi", lambda: self)
        patch.setattr("huggingface_hub.get_token", lambda: token)
        patch.setattr("huggingface_hub.hf_hub_download", self.download)

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
        if self.refusal is not None:
            raise self.refusal
        assert exist_ok
        self.private.setdefault(repo_id, private)

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> None:
        assert repo_id in self.private
        assert commit_message
        shutil.copytree(folder_path, self.folder / repo_id, dirs_exist_ok=True)

    def download(self, repo_id: str, filename: str, **_: Any) -> str:
        path = self.folder / repo_id / filename
        if not path.is_file():
            msg = f"404: {repo_id} has no {filename}"
            raise LocalEntryNotFoundError(msg)
        return str(path)
