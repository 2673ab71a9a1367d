"""Fetching, unpacking and checking the data of benchmarks; imports data and cli.

One file for each family of benchmarks and each step, hence more than twelve.
"""
