"""Whether a path or URI is on this machine; nothing is opened."""

LOCAL = ("file", "local")
"""The protocols of URIs that name a path on this machine."""


def local_path(place: str) -> str | None:
    """The path of a local path or URI; ``None`` for a URI of another file system."""
    protocol, found, rest = place.partition("://")
    if not found:
        return place
    return rest if protocol in LOCAL else None
