"""From results of runs to tables; imports runs."""
