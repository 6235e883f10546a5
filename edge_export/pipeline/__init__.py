"""Build a family: the only room that knows all stages.

    mother ─ extract ─> member ─ calibrate ─> bake ─> export ─> compile ─> verify ─> bundle

Every step runs in a worker process, and is taken from the cache when it was once finished with the same inputs.
"""

from edge_export.pipeline.build import Built, build
from edge_export.pipeline.context import BuildRequest, Progress

__all__ = ["BuildRequest", "Built", "Progress", "build"]
