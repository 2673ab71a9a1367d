"""The command line and everything that only it needs; imports any room but those of commands, which it finds by name.

Those rooms (ablate, describe, prepare) may import from here. What a light command needs imports no torch. Thirteen
files, since reading strictly takes six: yaml_files, config_files, class_paths, grammar, short_error, resolve.
"""

from sansa_lightning.cli.main import main

__all__ = ["main"]
