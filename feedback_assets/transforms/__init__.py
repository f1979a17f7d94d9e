"""The unified tables and marts: one SQL file per table, and the engine that runs them."""

from feedback_assets.transforms.engine import Parameters, build_days, build_whole
from feedback_assets.transforms.sources import ArrowTables, connect

__all__ = ["ArrowTables", "Parameters", "build_days", "build_whole", "connect"]
