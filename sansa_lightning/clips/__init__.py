"""What travels through the framework, from names to batches; imports nothing of the project (but see ``prompt``)."""
