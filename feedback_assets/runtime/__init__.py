"""All code that depends on Dagster's internals: instance, storage and launchers."""
