"""The class of a base, for annotations.

jsonargparse runs the ``if TYPE_CHECKING`` blocks of modules whose classes it shows, which would import all of sam2 for
``--help``; those modules take the name from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base
else:
    SAM2Base = Any

__all__ = ["SAM2Base"]
