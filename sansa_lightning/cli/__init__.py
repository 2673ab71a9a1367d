"""The command line and everything only it needs; imports any room but those of commands, which it finds by their names.

Those rooms (ablate, describe, prepare) may import from here. Nothing that a light command needs imports torch. Thirteen
files: six of them read what was given (yaml_files, config_files, class_paths, short_error, grammar, resolve).
"""

from sansa_lightning.cli.main import main

__all__ = ["main"]
