"""Tables of runs: what rows differ in, running them, and reading their scores side by side."""
