"""Files that are written whole or not at all, tensors read as plain data, and one-line messages.

Imports nothing of the project.
"""
