"""The local page: mark an object in one picture, see it in the rest; imports the Python interface and data."""
