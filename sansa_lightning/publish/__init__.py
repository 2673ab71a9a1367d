"""Trained adapters as folders for the Hugging Face hub, with a model card; imports checkpoints and report."""
