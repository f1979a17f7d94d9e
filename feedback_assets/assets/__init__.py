"""The Dagster assets: thin, for everything they do is tested without Dagster."""

import warnings

import dagster as dg

# Those that are used: days before the first partition, selecting every asset, links to the code.
warnings.filterwarnings(
    "ignore", r"Parameter `(allow_nonexistent_upstream_partitions|include_sources)`", dg.BetaWarning
)
warnings.filterwarnings(
    "ignore",
    r"(Class|Function) `(LocalFileCodeReference|UrlCodeReference|CodeReferencesMetadataValue"
    r"|AnchorBasedFilePathMapping|link_code_references_to_git)`",
    dg.BetaWarning,
)
# A schedule asks for each list in ranges of its own policy, whatever policy its job would have.
warnings.filterwarnings("ignore", r"Asset job \w+ materializes assets with varying")
