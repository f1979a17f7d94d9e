"""The Dagster assets: thin wrappers around code that is tested without Dagster."""

import warnings

import dagster as dg

# Beta features in use: days before the first partition, selection of all assets, code links.
warnings.filterwarnings(
    "ignore", r"Parameter `(allow_nonexistent_upstream_partitions|include_sources)`", dg.BetaWarning
)
warnings.filterwarnings(
    "ignore",
    r"(Class|Function) `(LocalFileCodeReference|UrlCodeReference|CodeReferencesMetadataValue"
    r"|AnchorBasedFilePathMapping|link_code_references_to_git)`",
    dg.BetaWarning,
)
# Schedules request each list in ranges of its own backfill policy, whatever the job's policy is.
warnings.filterwarnings("ignore", r"Asset job \w+ materializes assets with varying")
