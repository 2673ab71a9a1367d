"""SAM 2 in its published sizes, and nano, which is built of the same classes."""
