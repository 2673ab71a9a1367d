"""What is in features, masks and memories, frozen and adapted: one analysis in a file of ``kinds``.

Imports data, encoders, methods, metrics, figures and callbacks.
"""
