"""Libraries that are not there."""

from __future__ import annotations

import pytest

from sansa_lightning.files.extras import check_extra


def test_a_missing_library_is_one_line_with_package_and_extra() -> None:
    check_extra("this test", {"pytest": "pytest"}, "dev")
    message = r"^this test needs one-package and two-package: pip install 'sansa_lightning\[some\]'$"
    with pytest.raises(ValueError, match=message):
        check_extra("this test", {"no_one": "one-package", "pytest": "pytest", "no_two": "two-package"}, "some")
