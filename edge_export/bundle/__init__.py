"""The folder that holds a family: its schema, and functions that write and read it."""
