"""Callbacks, which watch, compare and write during training and tests; imports the module, figures and runs."""
