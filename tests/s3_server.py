"""A server that speaks S3, of the tests' own."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
server = ThreadedMotoServer(ip_address=sys.argv[1], port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""

SECRET = "not-a-secret-but-never-to-be-printed"  # noqa: S105


@dataclass(frozen=True)
class S3:
    """A server that speaks S3, and the environment by which clients find it."""

    environment: dict[str, str]
    process: subprocess.Popen[str]

    def bucket(self) -> str:
        """Makes a bucket and returns its name."""
        import boto3

        name = f"bucket-{secrets.token_hex(6)}"
        boto3.client(
            "s3",
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        ).create_bucket(Bucket=name)
        return name


@contextlib.contextmanager
def s3_server_at(address: str) -> Iterator[S3]:
    """Starts a server that listens on an address of this machine; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
    )
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    assert port, "the S3 server did not start"
    environment = {
        "AWS_ENDPOINT_URL": f"http://{address}:{port}",
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    yield S3(environment, process)
    process.communicate("")  # the server ends when its input does
