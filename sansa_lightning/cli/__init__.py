"""The command line and everything that only it needs; imports any room but those of commands, which it finds by name.

Those rooms (ablate, describe, prepare) may import from here. Nothing that a light command needs imports torch. Thirteen
files: six of them read configurations (yaml_files, config_files, class_paths, short_error, grammar, resolve).
"""

from sansa_lightning.cli.main import main

__all__ = ["main"]
