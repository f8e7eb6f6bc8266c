"""A helper process of `scans.caches.crew`: decodes what its parent asks for, and ends with it."""

import signal
import sys
from multiprocessing.connection import Connection

from neurosweep.errors import DataError
from scans.caches.decoding import Job, decode_into, keep_freed_memory


def main() -> None:
    """Serve until the parent closes the connection.

    Its arguments are two numbers: of the connection, and of the file that the pixels go to.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    keep_freed_memory()
    connection, file = Connection(int(sys.argv[1])), int(sys.argv[2])
    try:
        _serve(connection, file)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone: what was written so far is no cache without its part


def _serve(connection: Connection, file: int) -> None:
    job: Job = connection.recv()
    while True:
        first, names = connection.recv()
        try:
            answer: list[str] | Exception = decode_into(file, job, first, names)
        except (DataError, OSError) as error:
            answer = error
        connection.send((first, answer))


if __name__ == "__main__":
    main()
