"""Sources, one file for each dataset (hence more than twelve files), and their common bases; imports ``formats``."""
