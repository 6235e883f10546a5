"""Worker processes. Converters and runtimes run in them, so that their crashes, hangs and prints stay there."""

from edge_export.workers.contract import Workers
from edge_export.workers.pool import EXPORTER, TORCH, Pool
from edge_export.workers.process import WorkerError
from edge_export.workers.resources import cpu_count

__all__ = ["EXPORTER", "TORCH", "Pool", "WorkerError", "Workers", "cpu_count"]
