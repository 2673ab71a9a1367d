"""What a configuration trains and tests on, in words and pictures; imports cli and figures."""
