"""Fetching, unpacking and checking the data of benchmarks; imports data and cli.

A file a family of benchmarks and one a step, and so more than twelve.
"""
