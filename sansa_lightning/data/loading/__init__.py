"""Batches in order, also across processes and after an interruption; imports clips."""
