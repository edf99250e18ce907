"""A process that makes or reads a keyring when a line comes in, and prints the id of its active key."""

import asyncio
import sys
from pathlib import Path

from fairlead.security.key_file import FileKeyProvider

if __name__ == "__main__":
    provider = FileKeyProvider(Path(sys.argv[1]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(asyncio.run(provider.create()).active + "\n")
