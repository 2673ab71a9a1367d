"""Tables of runs: which are missing, and how they are run; imports cli and report.

More than twelve files, since the count of what trains (params, counting) reads the same tables.
"""
