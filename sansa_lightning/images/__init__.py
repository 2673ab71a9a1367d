"""Pictures and masks on their way in: reading, orientation, sizes, what mask values mean; imports files."""
