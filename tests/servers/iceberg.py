"""A real Iceberg REST catalog on a real S3 store, on loopback: SeaweedFS in one process."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from pyarrow.fs import S3FileSystem
from pyiceberg.exceptions import NoSuchNamespaceError, RESTError

from feedback_assets.publish.iceberg.catalog import Place
from feedback_assets.publish.trouble import PublishTrouble
from tests.servers.object_store import REGION
from tests.servers.seaweed import PORTS, Seaweed, weed

BUCKET = "lake"


@dataclass
class IcebergServer(Seaweed):
    """The catalog, its store, and the credential of both."""

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.ports['s3.port.iceberg']}"

    @property
    def properties(self) -> dict[str, str]:
        """What PyIceberg needs to read and write the files."""
        return {
            "s3.endpoint": self.endpoint,
            "s3.access-key-id": self.access_key,
            "s3.secret-access-key": self.secret_key,
            "s3.region": REGION,
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

    def _command(self) -> list[str]:
        return [
            weed(), "-logdir", str(self.directory), "mini", "-dir", str(self.directory / "held"),
            "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1",
            "-s3.config", str(self.directory / "credentials.json"),
            "-s3.port.lance=0", "-admin.ui=false", "-webdav=false", "-master.telemetry=false",
            f"-tableBucket={BUCKET}",
        ]  # fmt: skip

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
            region=REGION,
            allow_bucket_creation=True,
        )
        store.create_dir("probe")
        with store.open_output_stream("probe/up") as sink:
            sink.write(b"up")


@contextmanager
def running_iceberg() -> Iterator[IcebergServer]:
    """A fresh server, running until the block ends."""
    with tempfile.TemporaryDirectory(prefix="feedback-", ignore_cleanup_errors=True) as directory:
        server = IcebergServer.started(Path(directory), (*PORTS, "s3.port.iceberg"))
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def iceberg_server() -> Iterator[IcebergServer]:
    """One server for all tests of a process; a test that stops it starts it again."""
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    with running_iceberg() as server:
        yield server
