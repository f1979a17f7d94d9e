"""A real Iceberg REST catalog on a real S3 store, on loopback: SeaweedFS in one process."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from pyarrow.fs import S3FileSystem
from pyiceberg.exceptions import NoSuchNamespaceError, RESTError

from feedback_assets.publish.iceberg.catalog import Place
from feedback_assets.publish.trouble import PublishTrouble
from tests.servers.object_store import weed

BUCKET = "lake"
_WAIT_SECONDS = 60
_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
    "s3.port.iceberg",
)


@dataclass
class IcebergServer:
    """The catalog, its store, and the credential of both."""

    directory: Path
    ports: dict[str, int]
    access_key: str
    secret_key: str = field(repr=False)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.ports['s3.port.iceberg']}"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports['s3.port']}"

    @property
    def properties(self) -> dict[str, str]:
        """What PyIceberg needs to read and write the files."""
        return {
            "s3.endpoint": self.endpoint,
            "s3.access-key-id": self.access_key,
            "s3.secret-access-key": self.secret_key,
            "s3.region": "us-east-1",
        }

    @property
    def place(self) -> Place:
        credential = f"{self.access_key}:{self.secret_key}"
        return Place(self.uri, f"s3://{BUCKET}", credential, self.properties)

    def environment(self) -> dict[str, str]:
        """The settings that name this server."""
        properties = ",".join(f"{name}={value}" for name, value in self.properties.items())
        return {
            "FEEDBACK_PUBLISH_ICEBERG_URI": self.uri,
            "FEEDBACK_PUBLISH_ICEBERG_WAREHOUSE": f"s3://{BUCKET}",
            "FEEDBACK_PUBLISH_ICEBERG_CREDENTIAL": f"{self.access_key}:{self.secret_key}",
            "FEEDBACK_PUBLISH_ICEBERG_PROPERTIES": properties,
        }

    def start(self) -> None:
        """Start it with its previous ports and objects, and wait until it responds."""
        command = [
            weed(), "-logdir", str(self.directory), "mini", "-dir", str(self.directory / "held"),
            "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1",
            "-s3.config", str(self.directory / "credentials.json"),
            "-s3.port.lance=0", "-admin.ui=false", "-webdav=false", "-master.telemetry=false",
            f"-tableBucket={BUCKET}",
            *(f"-{name}={port}" for name, port in self.ports.items()),
        ]  # fmt: skip
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
            )
        end = time.monotonic() + _WAIT_SECONDS
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError((self.directory / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.1)

    def _is_up(self) -> bool:
        try:
            if not requests.get(f"{self.endpoint}/healthz", timeout=5).ok:
                return False
            # Fails until the bucket exists.
            self.place.connect().list_namespaces()
            self._write()
        except (OSError, RESTError, NoSuchNamespaceError, PublishTrouble):
            return False
        return True

    def _write(self) -> None:
        """Waits until the volumes exist."""
        store = S3FileSystem(
            access_key=self.access_key,
            secret_key=self.secret_key,
            endpoint_override=self.endpoint,
            region="us-east-1",
            allow_bucket_creation=True,
        )
        store.create_dir("probe")
        with store.open_output_stream("probe/up") as sink:
            sink.write(b"up")

    def stop(self) -> None:
        """Kill it; confirmed writes are on disk."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for port in self.ports.values():
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)


@contextmanager
def running_iceberg() -> Iterator[IcebergServer]:
    """A fresh server, running until the block ends."""
    directory = Path(tempfile.mkdtemp(prefix="feedback-iceberg-"))
    (directory / "held").mkdir()
    access_key, secret_key = f"key{secrets.token_hex(8)}", secrets.token_hex(20)
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    (directory / "credentials.json").write_text(json.dumps({"identities": [identity]}))
    server = IcebergServer(directory, _free_ports(), access_key, secret_key)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _free_ports() -> dict[str, int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in _PORTS]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in zip(_PORTS, probes, strict=True)}


@pytest.fixture(scope="session")
def iceberg_server() -> Iterator[IcebergServer]:
    """One server for all tests of a process; a test that stops it starts it again."""
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    with running_iceberg() as server:
        yield server
