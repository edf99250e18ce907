"""CPU microseconds that a bearer token adds to a request: the gate with a remembered token, beside verifying it anew.

Budget: 8 µs with a remembered token. Run: `scripts/bench tokens [--json FILE]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from bench.timing import awaited
from fairlead.api.gate import Gate
from fairlead.domain.audit import NoAudit
from fairlead.security.jwt import TokenRules, import_key
from fairlead.service.security.configuration import Configuration
from fairlead.service.security.domains import JwtDomain
from fairlead.service.security.key_sets import FixedKeys
from fairlead.service.security.service import SecurityService
from fairlead.service.security.tokens import TokenSource

BUDGET_US = 8.0
ACTION = "cluster:admin/opensearch/ml/predict"


class _Security:
    """What the gate asks of the security service, without a store."""

    behind = False

    def __init__(self, source: TokenSource, configuration: Configuration) -> None:
        self.sources = [source]
        self.audit = NoAudit()
        self._configuration = configuration

    def allows(self, principal: Any, action: str, model_id: str | None = None) -> bool:
        return self._configuration.allows(principal, action)


async def measure() -> dict[str, float]:
    key = RSAKey.import_key(rsa.generate_private_key(65537, 2048))
    now = int(time.time())
    claims = {"iss": "i", "aud": "a", "sub": "ann", "exp": now + 3600, "roles": ["staff"]}
    token = jwt.encode({"alg": "RS256", "kid": "k"}, claims, key)
    domain = JwtDomain("d", TokenRules("i", frozenset({"a"}), frozenset({"RS256"})), roles=("roles",))
    keys = FixedKeys([import_key({**key.as_dict(private=False), "kid": "k"})])
    configuration = Configuration(mappings={"ml_full_access": {"backend_roles": ["staff"]}})
    source = TokenSource([(domain, keys)], lambda: configuration, lambda: time.time_ns() // 1_000_000)
    gate = Gate(cast(SecurityService, _Security(source, configuration)), frozenset())
    headers = [
        (b"host", b"127.0.0.1:9200"),
        (b"content-type", b"application/json"),
        (b"content-length", b"300"),
        (b"user-agent", b"bench"),
        (b"authorization", b"Bearer " + token.encode()),
    ]
    scope = {
        "method": "POST",
        "raw_path": b"/_plugins/_ml/models/m/_predict",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "query_string": b"",
    }

    async def remembered() -> None:
        principal = await gate.admit(scope, dict(scope["headers"]))
        assert principal is not None
        gate.authorize(scope, principal, ACTION, "m")

    async def anew() -> None:
        source._verified.clear()
        await remembered()

    return {
        "remembered": await awaited(remembered, calls=20_000),
        "verified anew": await awaited(anew, calls=500),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    file = parser.parse_args().json
    found = asyncio.run(measure())
    for name, value in found.items():
        print(f"{name:<16} {value:8.2f} µs")
    print(f"budget {BUDGET_US} µs for a remembered token: {'met' if found['remembered'] <= BUDGET_US else 'missed'}")
    if file is not None:
        file.write_text(json.dumps({"budget_us": BUDGET_US, "microseconds": found}, indent=1))


if __name__ == "__main__":
    main()
