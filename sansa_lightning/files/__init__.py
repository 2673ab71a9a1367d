"""Files that are whole or not there, tensors read as data, and the one line that refuses a file.

Imports nothing of the project.
"""
