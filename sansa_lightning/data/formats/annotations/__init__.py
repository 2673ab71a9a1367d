"""Annotation files in COCO's format, pickles of the same, and masks as run lengths; imports ``formats``."""
