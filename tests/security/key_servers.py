"""Small servers that speak what HashiCorp Vault's transit and key-value engines and AWS KMS speak, and check what they get.

Written from their documentation. Each notes its calls; `refuse` makes it answer with that status.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fairlead.engine.sigv4 import verify

TOKEN = "hvs.vault-token-canary"
ACCESS_KEY, SECRET_KEY = "AKIDKMSEXAMPLE", "kms-secret-canary"
ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


class KeyServer(ThreadingHTTPServer):
    """State of one server: key versions, secrets, calls, and what went wrong with the requests."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.versions = [os.urandom(32)]
        self.token = TOKEN
        self.secrets: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.faults: list[str] = []
        self.refuse = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: KeyServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def reply(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Vault(Handler):
    """Key `transit/fairlead`, and a key-value engine of version 2 (1 under `old`)."""

    def do_GET(self) -> None:
        if not self.allowed("GET"):
            return
        mount, _, rest = self.path.removeprefix("/v1/").partition("/")
        path = f"{mount}/{rest.removeprefix('data/')}" if mount != "old" else f"{mount}/{rest}"
        fields = self.server.secrets.get(path)
        if fields is None:
            self.reply(404, {"errors": []})
        else:
            self.reply(200, {"data": fields if mount == "old" else {"data": fields, "metadata": {"version": 1}}})

    def do_POST(self) -> None:
        body = json.loads(self.body())
        if not self.allowed("POST"):
            return
        if self.path == "/v1/transit/encrypt/fairlead":
            version, key = len(self.server.versions), self.server.versions[-1]
            nonce = os.urandom(12)
            sealed = AESGCM(key).encrypt(
                nonce, base64.b64decode(body["plaintext"]), base64.b64decode(body["associated_data"])
            )
            text = base64.b64encode(nonce + sealed).decode()
            self.reply(200, {"data": {"ciphertext": f"vault:v{version}:{text}", "key_version": version}})
        elif self.path == "/v1/transit/decrypt/fairlead":
            try:
                _, version_text, text = body["ciphertext"].split(":")
                data = base64.b64decode(text)
                key = self.server.versions[int(version_text[1:]) - 1]
                plain = AESGCM(key).decrypt(data[:12], data[12:], base64.b64decode(body["associated_data"]))
            except (InvalidTag, ValueError, IndexError):
                self.reply(400, {"errors": ["cipher: message authentication failed"]})
            else:
                self.reply(200, {"data": {"plaintext": base64.b64encode(plain).decode()}})
        else:
            self.server.faults.append(f"unknown path {self.path}")
            self.reply(404, {"errors": []})

    def allowed(self, method: str) -> bool:
        self.server.calls.append(f"{method} {self.path}")
        if self.server.refuse:
            self.reply(self.server.refuse, {"errors": ["Vault is sealed"]})
        elif self.headers["X-Vault-Token"] != self.server.token:
            self.reply(403, {"errors": ["permission denied"]})
        else:
            return True
        return False


class Kms(Handler):
    """One key; every request must be rightly signed."""

    def do_POST(self) -> None:
        body = self.body()
        lookup = {ACCESS_KEY: SECRET_KEY}.get
        fault = verify("POST", self.path, list(self.headers.items()), body, lookup)
        target = self.headers["X-Amz-Target"]
        self.server.calls.append(target)
        if self.server.refuse:
            self.reply(self.server.refuse, {"__type": "KMSInternalException", "message": "canary"})
            return
        if fault is not None or self.headers["Content-Type"] != "application/x-amz-json-1.1":
            self.server.faults.append(fault or "content type")
            self.reply(400, {"__type": "com.amazon.coral.service#InvalidSignatureException", "message": "canary"})
            return
        asked = json.loads(body)
        context = json.dumps(asked["EncryptionContext"], sort_keys=True).encode()
        cipher = AESGCM(self.server.versions[0])
        if asked["KeyId"] != ARN:
            self.reply(400, {"__type": "NotFoundException", "message": "canary"})
        elif target == "TrentService.Encrypt":
            nonce = os.urandom(12)
            sealed = nonce + cipher.encrypt(nonce, base64.b64decode(asked["Plaintext"]), context)
            self.reply(200, {"CiphertextBlob": base64.b64encode(sealed).decode(), "KeyId": ARN})
        elif target == "TrentService.Decrypt":
            data = base64.b64decode(asked["CiphertextBlob"])
            try:
                plain = cipher.decrypt(data[:12], data[12:], context)
            except InvalidTag:
                self.reply(400, {"__type": "InvalidCiphertextException"})
            else:
                self.reply(200, {"Plaintext": base64.b64encode(plain).decode(), "KeyId": ARN})
        else:
            self.server.faults.append(f"unknown target {target}")
            self.reply(400, {"__type": "UnknownOperationException"})


@contextmanager
def serving(handler: type[Handler]) -> Iterator[KeyServer]:
    server = KeyServer(handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
