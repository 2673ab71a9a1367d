"""What a checkpoint or adapter file holds, and the model that it makes; imports the model and below."""
