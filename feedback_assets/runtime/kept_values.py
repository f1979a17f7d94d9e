"""Short texts in the storage of the Dagster instance, beside the cursors of its sensors.

They are as durable as the cursors and shared by every machine of a deployment, unlike a file in
``DAGSTER_HOME``. A write stores no event.
"""

import dagster as dg


def read_value(instance: dg.DagsterInstance, key: str) -> str | None:
    """The text stored under this key."""
    return instance.daemon_cursor_storage.get_cursor_values({key}).get(key)


def write_value(instance: dg.DagsterInstance, key: str, text: str) -> None:
    """Store a text under this key, in one transaction."""
    instance.daemon_cursor_storage.set_cursor_values({key: text})
