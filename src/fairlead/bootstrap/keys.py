"""Where keys and secrets come from, chosen by the process settings: key file, given key, key service, references.

It opens connections only when a key service or a vault is asked.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from fairlead.domain.ports import Store, StoreUnavailable
from fairlead.domain.secret import Secret, SecretReference
from fairlead.engine.sigv4 import Signer
from fairlead.errors import FairleadError, IllegalArgument
from fairlead.security.egress import GuardedDialer
from fairlead.security.key_services import KmsKeys, ServiceProvider, TransitKeys, kv_reader
from fairlead.security.key_sources import key_provider
from fairlead.security.keyring import KeyProvider, KeyringError
from fairlead.security.references import References
from fairlead.security.url import parse_url
from fairlead.security.vault import AesVault, open_vault
from fairlead.service.calls.operator_calls import OPERATOR_POLICY, OperatorService
from fairlead.settings import DATABASE, Settings, is_loopback, listed
from fairlead.store import open_store
from fairlead.transport.choose import open_upstream
from fairlead.transport.port import Upstream

Learn = Callable[[Collection[Secret]], None]


def _unlearned(secrets: Collection[Secret]) -> None:
    pass


class Outside:
    """Provider of keys and reader of references of one process; `close` gives back what they opened.

    `learn` is told of every secret that is read. Raises KeyringError for settings that cannot be used.
    """

    def __init__(self, settings: Settings, learn: Learn = _unlearned) -> None:
        self._settings = settings
        self._learn = learn
        self._upstream: Upstream = open_upstream(settings.transport, GuardedDialer(lambda: OPERATOR_POLICY))
        # What the operator writes in the settings may lie anywhere on this machine.
        self._operator = References(("",), ("/",), learn=learn)
        self._vault = self._vault_service() if settings.vault_address else None
        self.references = self._references()

    async def provider(self) -> KeyProvider:
        """Raises KeyringError."""
        settings = self._settings
        services = []
        try:
            if settings.vault_transit_key and self._vault is not None:
                keys = TransitKeys(self._vault, self._vault_token, settings.vault_transit_key)
                services.append(("vault", ServiceProvider(keys, f"Vault key {settings.vault_transit_key}")))
            if settings.kms_key:
                services.append(("aws_kms", ServiceProvider(await self._kms(), f"AWS KMS key {settings.kms_key}")))
        except FairleadError as fault:
            raise KeyringError(str(fault)) from fault
        chosen = [provider for name, provider in services if name == settings.key_service]
        others = [provider for name, provider in services if name != settings.key_service]
        return key_provider(
            settings.data_dir, settings.master_key, settings.master_key_file, services=chosen, readable=others
        )

    async def close(self) -> None:
        with contextlib.suppress(Exception):
            await self._upstream.close()

    def _references(self) -> References:
        settings = self._settings
        reader = None
        if self._vault is not None:
            reader = kv_reader(self._vault, self._vault_token, settings.vault_kv_version)
        return References(
            listed(settings.secret_env_prefixes),
            listed(settings.secret_file_prefixes),
            listed(settings.secret_vault_prefixes),
            read_vault=reader,
            learn=self._learn,
        )

    def _vault_service(self) -> OperatorService:
        address, ca_file = self._settings.vault_address, self._settings.vault_ca_file
        try:
            url = parse_url(address)
            # The token goes with each request: in clear to this machine at most.
            if url.scheme == "http" and not is_loopback(url.host):
                raise KeyringError("vault_address: http is taken only for this machine; use https")
            ca_pem = Path(ca_file).read_text("ascii") if ca_file else None
            return OperatorService(self._upstream, address, ca_pem=ca_pem)
        except IllegalArgument as fault:
            raise KeyringError(f"vault_address is no address: {fault}") from fault
        except (OSError, UnicodeDecodeError) as fault:
            raise KeyringError(f"vault_ca_file {ca_file} cannot be read") from fault

    async def _kms(self) -> KmsKeys:
        settings = self._settings
        parts = settings.kms_key.split(":")
        if len(parts) < 6 or parts[2] != "kms" or not parts[3]:
            raise KeyringError("kms_key is no ARN of a key, as arn:aws:kms:eu-central-1:111122223333:key/...")
        region = parts[3]
        suffix = "amazonaws.com.cn" if parts[1] == "aws-cn" else "amazonaws.com"
        token = await self._secret("kms_session_token") if settings.kms_session_token else None
        signer = Signer(
            await self._secret("kms_access_key"), await self._secret("kms_secret_key"), token, region, "kms"
        )
        endpoint = settings.kms_endpoint or f"https://kms.{region}.{suffix}"
        return KmsKeys(OperatorService(self._upstream, endpoint, signer=signer), settings.kms_key)

    async def _vault_token(self) -> Secret:
        return await self._secret("vault_token")

    async def _secret(self, name: str) -> Secret:
        """A setting that is a secret, or a reference to one. Raises IllegalArgument that names the setting."""
        text = str(getattr(self._settings, name))
        if not text.startswith("{"):
            return Secret(text)
        try:
            [(scheme, place)] = json.loads(text).items()
        except ValueError:
            scheme, place = "", ""
        if scheme not in ("$env", "$file") or not isinstance(place, str):
            raise IllegalArgument(f'{name} must be a text, {{"$env": name}} or {{"$file": path}}')
        return await self._operator.read(SecretReference(scheme.removeprefix("$"), place), name)


@dataclass(frozen=True, slots=True)
class OpenKeys:
    """Store, vault and provider of keys, for commands that work beside a running server."""

    store: Store
    vault: AesVault
    provider: KeyProvider


@contextlib.asynccontextmanager
async def open_keys(settings: Settings) -> AsyncIterator[OpenKeys]:
    """Raises StoreUnavailable and KeyringError, also where no server was ever started."""
    if not settings.store and not (settings.data_dir / DATABASE).is_file():
        raise StoreUnavailable(
            f"there is no database in {settings.data_dir}: name the server's data directory or store"
        )
    outside = Outside(settings)
    store = await open_store(settings.store_url)
    try:
        provider = await outside.provider()
        yield OpenKeys(store, await open_vault(store, provider), provider)
    finally:
        await outside.close()
        await store.close()
