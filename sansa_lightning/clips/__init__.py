"""What travels through the framework: episodes, prompts, clips and batches of them; imports images."""
