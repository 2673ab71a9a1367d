"""Shell completion: a script that knows every command and its options, made by shtab out of their parsers."""

from __future__ import annotations
