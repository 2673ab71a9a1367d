"""The command ``annotate``: a job of many pictures, resumable and in shards; imports the Python interface."""
