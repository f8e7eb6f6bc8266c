"""A web server that stands in for Kaggle: kagglehub downloads from it over real HTTP.

kagglehub is sent to http://localhost by its own KAGGLE_API_ENVIRONMENT, and from there to the
server's port by http_proxy.
"""

from __future__ import annotations

import io
import json
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

from scans.files.known_sets import KnownSet

SMALL_SET = KnownSet(
    name="small set",
    counts={"train": {"glioma": 3, "notumor": 2}, "test": {"glioma": 1, "notumor": 2}},
)


@cache
def _image() -> bytes:
    image = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 400), np.uint8)).save(
        image, "PNG"
    )
    return image.getvalue()


def archive(counts=SMALL_SET.counts) -> bytes:
    """A zip of noise with so many images; eight of them are more than a megabyte."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for part, classes in counts.items():
            for label, count in classes.items():
                for number in range(count):
                    place = {"train": "Training", "test": "Testing"}[part]
                    file.writestr(f"{place}/{label}/{number}.png", _image())
    return packed.getvalue()


@dataclass
class Kaggle:
    """What the server does, and what it was asked.

    Attributes:
        payload: The archive's bytes.
        status: Answer to the request for it.
        stop_after: Bytes of the archive after which the line is cut, or hangs.
        hang: Whether it hangs there, until `released`.
    """

    payload: bytes
    status: int = 200
    stop_after: int | None = None
    hang: bool = False
    versions: list[int] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        kaggle = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                kaggle.versions.append(asked["datasetVersionNumber"])
                if kaggle.status != 200:
                    self.send_response(kaggle.status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(302)
                self.send_header("Location", "http://localhost/storage/archive.zip")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                kaggle.ranges.append(wanted)
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                self.send_response(206 if wanted else 200)
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("Content-Length", str(len(kaggle.payload) - start))
                self.end_headers()
                stop = kaggle.stop_after
                if stop is None:
                    self.wfile.write(kaggle.payload[start:])
                    return
                self.wfile.write(kaggle.payload[start:stop])
                self.wfile.flush()
                if kaggle.hang:
                    kaggle.released.wait(60)
                self.close_connection = True

        return Handler


@contextmanager
def serving(kaggle: Kaggle):
    """Yields the environment that leads kagglehub to the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), kaggle.handler())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield leading_to(server.server_address[1])
    finally:
        kaggle.released.set()
        server.shutdown()
        server.server_close()


def leading_to(port: int) -> dict[str, str]:
    return {
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
        "http_proxy": f"http://127.0.0.1:{port}",
        "no_proxy": "",
        "NO_PROXY": "",
        "KAGGLE_CONFIG_DIR": "/absent",
        "KAGGLE_USERNAME": "",
        "KAGGLE_API_TOKEN": "",
    }
