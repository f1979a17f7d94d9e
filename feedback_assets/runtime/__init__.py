"""Everything that touches the internals of Dagster: instance, storage and launchers."""
