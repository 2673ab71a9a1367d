"""The data that travel through the framework: episodes, prompts, clips and batches; imports images."""
