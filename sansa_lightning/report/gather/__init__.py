"""Run folders and recorded tables, read and sorted: what may stand in a table, and what is listed apart and why."""
