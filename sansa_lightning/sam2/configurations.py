"""The configurations inside the sam2 package, read by a hydra of our own whatever hydra the caller is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


def composed(name: str, overrides: Sequence[str]) -> Any:
    """A configuration of the sam2 package, resolved.

    Args:
        name: its path there, for instance "configs/sam2/sam2_hiera_t.yaml".
        overrides: in hydra's language.
    """
    from hydra import compose, initialize_config_module
    from omegaconf import OmegaConf

    with _hydra_put_aside(), initialize_config_module("sam2", version_base="1.2"):
        config = compose(name, overrides=list(overrides))
    OmegaConf.resolve(config)
    return config


@contextmanager
def _hydra_put_aside() -> Iterator[None]:
    """No hydra while the block runs, and afterwards the one that was there, down to its compatibility version.

    There is one in a process: a caller may be inside ``hydra.initialize`` or ``hydra.main``, whose configurations are
    not ours; and importing sam2 starts one, which users of ``sam2.build_sam`` need.
    """
    import sam2  # noqa: F401  before anything is noted, since importing it may start hydra
    from hydra.core.global_hydra import GlobalHydra
    from hydra.version import VersionBase

    outer = GlobalHydra.instance()
    hydra, version = outer.hydra, VersionBase.instance().version_base
    outer.clear()
    try:
        yield
    finally:
        outer.hydra = hydra
        GlobalHydra.set_instance(outer)  # hydra's own contexts put a copy in its place
        VersionBase.instance().version_base = version
