"""What is inside of one compiled file. It is read, and never run."""
