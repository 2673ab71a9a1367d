"""The content of checkpoint and adapter files, and models made from it; imports the model and below."""
