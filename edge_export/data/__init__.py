"""Data: images, sounds and music as they lie on a disk, built in or made from a seed."""
