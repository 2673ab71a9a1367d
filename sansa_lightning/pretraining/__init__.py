"""Pretraining of nano as a tracker; imports callbacks and below."""
