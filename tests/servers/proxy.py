"""nginx in front of a webserver, set up from ``deploy/proxy`` as in docs/security.md."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOORS = ROOT / "deploy" / "proxy"
PASSWORD = "correct-horse-7"


def nginx() -> str:
    """The program; skips the test if it is missing."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip("nginx is not installed")
    return found


def lay_out_proxy(directory: Path, ports: Mapping[str, int]) -> None:
    """Write configuration, certificate and passwords; ``ports`` maps default to actual ports."""
    directory.mkdir(mode=0o700, exist_ok=True)
    for path in DOORS.iterdir():
        text = path.read_text()
        for usual, chosen in ports.items():
            text = text.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{chosen}")
        if path.name == "nginx.conf" and os.getuid() == 0:
            # Started as root, workers would run as nobody, who cannot read the tests' directory.
            text = f"user root;\n{text}"
        (directory / path.name).write_text(text)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(directory / "key.pem"), "-out", str(directory / "certificate.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    for user in ("operators", "viewers"):
        made = subprocess.run(
            ["openssl", "passwd", "-6", "-stdin"],
            input=PASSWORD, text=True, capture_output=True, check=True,
        )  # fmt: skip
        (directory / f"{user}.htpasswd").write_text(f"{user}:{made.stdout}")
