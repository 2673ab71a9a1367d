"""Who carries the runs of a table out: this machine, or a cluster."""
