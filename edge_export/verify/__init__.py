"""Prove that every stage gives what the mother gives, on recorded real inputs."""
