"""The folder that ships a family: its schema, and how it is written and read."""
