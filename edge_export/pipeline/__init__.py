"""Builds a family. Only this package knows all stages.

    mother ─ extract ─> member ─ calibrate ─> bake ─> export ─> compile ─> verify ─> bundle

Every step runs in a worker process. If it has finished before with the same inputs, its result comes from the cache.
"""

from edge_export.pipeline.build import Built, build
from edge_export.pipeline.context import BuildRequest, Progress

__all__ = ["BuildRequest", "Built", "Progress", "build"]
