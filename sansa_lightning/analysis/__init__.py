"""Analysis of the features of a base; imports data, methods and callbacks."""
