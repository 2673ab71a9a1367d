"""From files to batches of clips; imports clips, images and files."""
