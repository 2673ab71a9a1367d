"""Tables from the results of runs; imports runs."""
