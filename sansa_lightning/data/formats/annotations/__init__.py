"""Annotation files in COCO's format and pickles of the same, and their masks as run lengths; imports ``formats``."""
