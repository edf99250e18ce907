"""`fairlead painless`: JSON lines of script and parameters in, results or errors out, no server."""

from __future__ import annotations

import argparse
import sys

from fairlead.painless.jsonl import run_lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        'Reads lines of {"script": ..., "params": {...}}; writes {"result": ...} or {"error": ...} for each.'
    )


def run(arguments: argparse.Namespace) -> int:
    def write(line: str) -> None:
        sys.stdout.write(line)
        sys.stdout.flush()

    run_lines(sys.stdin, write)
    return 0
