"""What a configuration trains on and tests on, told and shown before anything runs."""
