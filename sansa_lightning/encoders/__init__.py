"""Frozen image encoders from whose features methods make priors and prototypes; imports strategies and trackers."""
