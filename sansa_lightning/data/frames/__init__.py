"""From an image with its mask to a frame of a clip: resizing, and augmentation in training; imports images."""
