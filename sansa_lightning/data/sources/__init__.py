"""One file a dataset, which is why there are more than twelve, and what they share; imports ``formats``."""
