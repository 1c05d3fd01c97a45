"""What a training minimises; one family per module."""
