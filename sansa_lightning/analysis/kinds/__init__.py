"""The analyses that ``analyze`` knows, one in a file; imports the rest of ``analysis``, data, metrics and figures."""
