"""What a job is given: references and pictures, found in folders and files but not read yet; imports data."""
