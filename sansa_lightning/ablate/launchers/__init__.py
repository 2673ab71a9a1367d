"""Launchers, which execute the runs of a table: on this machine, or on a cluster."""
