"""Metrics, which count predictions and compute scores; imports clips and images."""
