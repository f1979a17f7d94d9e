"""A generated secret in a file: written atomically once, even by concurrent processes."""

import secrets
from pathlib import Path

from feedback_assets.files.durable import write_durably
from feedback_assets.files.locking import locked
from feedback_assets.files.unusable import Unusable

SHORTEST = 16
"""Minimum length of a secret; a shorter one can be guessed."""


def kept_secret(path: Path, variable: str, *, shared: bool = False) -> str:
    """The secret in ``path``, generated on first use; ``variable`` overrides it.

    With ``shared``, several machines need the same secret, so none is generated. Raises
    ``Unusable``.
    """
    try:
        if not path.exists():
            _generate(path, variable, shared=shared)
        kept = path.read_text(encoding="utf-8").strip()
    except Unusable:
        raise
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Unusable(
            f"{path} cannot be read or written ({reason}). Free disk space or fix its "
            f"permissions, or "
            f"set {variable}"
        ) from None
    if len(kept) < SHORTEST:
        raise Unusable(
            f"{path} is damaged: it holds {len(kept)} characters, and a secret has at least "
            f"{SHORTEST}. Restore it from a backup or set {variable}; without either, delete the "
            "file and a new secret is generated (docs/privacy.md says what depends on it)"
        )
    return kept


def _generate(path: Path, variable: str, *, shared: bool) -> None:
    if shared:
        raise Unusable(
            f"{variable} is not set, and machines that share FEEDBACK_COORDINATION_URL need the "
            "same one: set it to the same value on every machine"
        )
    # A lock and a rename, since not every file system has hard links.
    with locked(path.with_name(f".{path.name}.lock"), "DAGSTER_HOME"):
        if not path.exists():
            content = secrets.token_hex(32).encode()
            write_durably(path, content, path.with_name(f".{path.name}.new"))
