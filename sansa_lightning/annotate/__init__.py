"""Segmentation of one's own pictures by references; imports the model, checkpoints and images."""
