"""The Dagster assets: thin, for everything they do is tested without Dagster."""

import warnings

import dagster as dg

# The two that are used: days before the first partition, and selecting every asset.
warnings.filterwarnings(
    "ignore", r"Parameter `(allow_nonexistent_upstream_partitions|include_sources)`", dg.BetaWarning
)
