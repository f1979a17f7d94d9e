"""A real S3 server on loopback: SeaweedFS in one process, with credentials and a bucket."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.servers.seaweed import Seaweed, weed

REGION = "us-east-1"


@dataclass
class ObjectStore(Seaweed):
    """An S3 server and its client settings: endpoint, credentials and an existing bucket."""

    bucket: str = "warehouse"

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

    def _command(self) -> list[str]:
        return [
            weed(), "-logdir", str(self.directory), "server", "-dir", str(self.directory / "held"),
            "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1", "-s3",
            "-s3.config", str(self.directory / "credentials.json"),
            # Reject a put into a missing bucket, as other servers do.
            "-s3.autoCreateBucket=false", "-s3.iam=false", "-s3.port.iceberg=0",
            "-s3.port.lance=0", "-master.volumeSizeLimitMB=64", "-volume.max=0",
            # A single master; otherwise it takes 20 seconds to elect itself after a restart.
            "-master.peers=none",
        ]  # fmt: skip

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


@contextmanager
def running_object_store(directory: Path) -> Iterator[ObjectStore]:
    """A server that keeps its objects below ``directory``, running until the block ends."""
    store = ObjectStore.started(directory)
    try:
        yield store
    finally:
        store.stop()
