"""Tables of runs: planning, running and collecting them; imports cli and report.

More than twelve files, since the counts of trained parameters (params, counting) read the same tables.
"""
