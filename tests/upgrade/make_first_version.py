"""Creates ``first_version.tar.xz``: a warehouse and ``DAGSTER_HOME`` as left by version 0.1.0.

Run it with a checkout of 0.1.0 that has its own environment::

    git worktree add ../first dc2d5e9
    python -m venv ../first/.venv && ../first/.venv/bin/pip install -e ../first
    python -m tests.upgrade.make_first_version ../first/.venv/bin/feedback-assets

It reads ten days of the five providers of ``shop.py`` over HTTP, then erases two people. Created
once: later versions are tested against the archive in the repository."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.upgrade.shop import FIRST, LAST, ODD, SECRETS, serving

ARCHIVE = Path(__file__).with_name("first_version.tar.xz")
# The quota's request logs and the locks are not history.
_LEFT_OUT = ("quota", "storage", "logs", "schedules", ".tmp")


def make(command: str, archive: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="first-version-") as directory, serving() as settings:
        root = Path(directory)
        home = root / "dagster_home"
        home.mkdir(mode=0o700)
        for name, secret in SECRETS.items():
            (home / name).write_text(secret)
            (home / name).chmod(0o600)
        environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            **settings,
            "DAGSTER_HOME": str(home),
            "FEEDBACK_WAREHOUSE": str(root / "warehouse"),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
        }

        def run(*arguments: str) -> str:
            done = subprocess.run(
                [command, *arguments], check=False, env=environ, cwd=root, capture_output=True
            )
            return done.stderr.decode()

        # Exit 1, because the first version's own check finds the payment that is "Refunded ".
        said = run("backfill", "--from", FIRST.isoformat(), "--to", LAST.isoformat())
        if "failed:" in said.replace("check failed:", ""):
            raise SystemExit(said)
        for person in ("erased", "erased_by_name"):
            print(run("forget", ODD[person]))  # noqa: T201
        for name in _LEFT_OUT:
            shutil.rmtree(home / name, ignore_errors=True)
        for database in sorted(home.rglob("*.db")):
            _tidy(database)
        with tarfile.open(archive, "w:xz", preset=9) as made:
            for part in (home, root / "warehouse"):
                made.add(part, part.name, filter=_nobodys)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _tidy(database: Path) -> None:
    """Remove the machine's name and unused space."""
    with sqlite3.connect(database) as connection:
        tables = {name for (name,) in connection.execute("select name from sqlite_master")}
        if "run_tags" in tables:
            for column in ("run_tags set value", "runs set run_body"):
                name = column.split()[-1]
                connection.execute(
                    f"update {column} = replace({name}, ?, 'host ')", (f"{socket.gethostname()} ",)
                )
    connection.execute("pragma journal_mode = delete")
    connection.execute("vacuum")
    connection.close()


if __name__ == "__main__":
    make(sys.argv[1], ARCHIVE)
    print(f"{ARCHIVE}: {ARCHIVE.stat().st_size:,} bytes")  # noqa: T201
