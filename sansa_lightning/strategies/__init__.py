"""Strategies, which train on a tracker; one file for each, hence more than twelve. Imports trackers."""
