"""What watches, compares and writes beside training and tests; imports the module, figures and runs."""
