"""Microseconds per SigV4 signature over the vectors of the tests, and for one Bedrock chat; compares with botocore.

Budget: 8 µs for the chat (body of 300 bytes, session token). Run: `scripts/bench sigv4 [--json FILE]`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.timing import microseconds
from fairlead.domain.secret import Secret
from fairlead.engine.sigv4 import Headers, Signer

CASES = Path(__file__).parent.parent / "tests" / "unit" / "engine" / "cases" / "sigv4.json"
BUDGET_US = 8.0
DATE = "20261125T171200Z"
HOST = "bedrock-runtime.us-east-1.amazonaws.com"
TARGET = b"/model/anthropic.claude-3-sonnet-20240229-v1%3A0/invoke"
BODY = b"x" * 300
HEADERS: Headers = ((b"Content-Type", b"application/json"), (b"Content-Length", b"300"))


def chat(token: str | None) -> float:
    signer = Signer(
        Secret("AKIDEXAMPLE"), Secret("x" * 40), Secret(token) if token is not None else None, "us-east-1", "bedrock"
    )
    return microseconds(lambda: signer.sign("POST", TARGET, HOST, HEADERS, BODY, DATE))


def changing_targets() -> float:
    """No two targets in a row are the same, so nothing of the canonical target can be kept."""
    signer = Signer(Secret("AKIDEXAMPLE"), Secret("x" * 40), None, "us-east-1", "bedrock")
    targets = [TARGET + b"?n=1", TARGET + b"?n=2"]

    def call() -> None:
        targets.reverse()
        signer.sign("POST", targets[0], HOST, HEADERS, BODY, DATE)

    return microseconds(call)


def vectors() -> float:
    """One signature in the mean over all vectors, with another target and header set each time."""
    suite = json.loads(CASES.read_text())
    signer = Signer(Secret(suite["access_key"]), Secret(suite["secret_key"]), None, suite["region"], suite["service"])
    calls = [
        (
            case["method"],
            case["target"].encode(),
            tuple((name.encode(), value.encode()) for name, value in case["headers"]),
            case["body"].encode(),
        )
        for case in suite["cases"]
    ]

    def call() -> None:
        for method, target, headers, body in calls:
            signer.sign(method, target, "example.amazonaws.com", headers, body, suite["amz_date"])

    return microseconds(call, calls=200) / len(calls)


def botocore() -> float:
    auth = SigV4Auth(Credentials("AKIDEXAMPLE", "x" * 40, "t" * 300), "bedrock", "us-east-1")
    headers = {name.decode(): value.decode() for name, value in HEADERS}

    def call() -> None:
        auth.add_auth(AWSRequest("POST", f"https://{HOST}{TARGET.decode()}", headers=headers, data=BODY))

    return microseconds(call, calls=500)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    figures = {
        "chat_with_token_us": chat("t" * 300),
        "chat_us": chat(None),
        "changing_targets_us": changing_targets(),
        "vectors_us": vectors(),
        "botocore_us": botocore(),
        "budget_us": BUDGET_US,
    }
    for name, value in figures.items():
        print(f"{name:24} {value:8.2f}")
    print("within the budget" if figures["chat_with_token_us"] <= BUDGET_US else "OVER the budget")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
