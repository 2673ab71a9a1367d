"""Readers of the file formats of datasets, each written once; imports pictures and messages, and no source."""
