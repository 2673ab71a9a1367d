"""Description of a configuration's data, in words and pictures; imports cli and figures."""
