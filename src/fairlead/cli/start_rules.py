"""What a server refuses to start with: one row a rule (spec/06 14.3), judged before anything is opened, and once more when
the store has told whether there are users (`auth` is then `on` or `off`).

Each text is the one line that the operator reads; it begins with the setting. Looks at settings and files' modes only.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from fairlead.domain.audit import Category
from fairlead.security.audit_sinks import NAMES
from fairlead.security.certificate import CertificateFault, parse_dn
from fairlead.settings import Settings


@dataclass(frozen=True, slots=True)
class Rule:
    """`refuses` gives the reason or None; `public` rules hold only where others than this machine can connect."""

    setting: str
    refuses: Callable[[Settings], str | None]
    public: bool = False


def refusal(settings: Settings) -> str | None:
    """The first rule that this configuration breaks, as `<setting>: <reason>`, or None."""
    for rule in RULES:
        if rule.public and not settings.public:
            continue
        reason = rule.refuses(settings)
        if reason is not None:
            return f"{rule.setting}: {reason}"
    return None


def _networks(setting: str) -> Callable[[Settings], str | None]:
    def refuses(settings: Settings) -> str | None:
        for text in getattr(settings, setting):
            try:
                ip_network(text)
            except ValueError:
                return f"'{text}' is no network such as 10.0.0.0/8, and no address"
        return None

    return refuses


def _only(setting: str, known: Collection[str]) -> Callable[[Settings], str | None]:
    def refuses(settings: Settings) -> str | None:
        unknown = [name for name in getattr(settings, setting) if name not in known]
        return f"'{unknown[0]}' is not one of {', '.join(known)}" if unknown else None

    return refuses


def _everybody(settings: Settings) -> str | None:
    for text in settings.trusted_proxies:
        if ip_network(text).prefixlen == 0:
            return f"{text} is everybody: whoever connects could say who they are; name the proxies' networks"
    return None


def _half_tls(settings: Settings) -> str | None:
    if bool(settings.tls_certificate) == bool(settings.tls_key):
        return None
    return "TLS needs both tls_certificate and tls_key"


def _client_authorities(settings: Settings) -> str | None:
    if settings.tls_client_auth != "none" and not settings.tls_client_ca:
        return f"'{settings.tls_client_auth}' needs tls_client_ca, the authorities that sign client certificates"
    return None


def _unused_authorities(settings: Settings) -> str | None:
    if settings.tls_client_ca and settings.tls_client_auth == "none":
        return "no client is asked for a certificate unless tls_client_auth is optional or require"
    return None


def _without_certificate(settings: Settings) -> str | None:
    if settings.tls_client_auth != "none" and not settings.tls_certificate:
        return "client certificates need TLS: set tls_certificate and tls_key"
    return None


def _no_proxy(settings: Settings) -> str | None:
    if settings.tls_terminated_by_proxy and not settings.trusted_proxies:
        return "needs trusted_proxies, the networks that the proxy connects from"
    return None


def _clear_text(settings: Settings) -> str | None:
    if settings.tls_certificate or settings.tls_terminated_by_proxy:
        return None
    return (
        f"{settings.host} is reached from other machines, and passwords and prompts would travel unencrypted; set "
        "tls_certificate and tls_key, or tls_terminated_by_proxy and trusted_proxies, or listen on 127.0.0.1"
    )


def _writable_by_all(settings: Settings) -> str | None:
    """Whoever may write a directory above may put another one in its place; the sticky bit forbids that."""
    for folder in (settings.data_dir.absolute(), *settings.data_dir.absolute().parents):
        try:
            mode = folder.stat().st_mode
        except OSError:
            continue
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return f"{folder} can be written by everybody, so that the keys below it could be exchanged"
    return None


def _nobody_asked(settings: Settings) -> str | None:
    if settings.auth != "off":
        return None
    return (
        f"{settings.host} is reached from other machines, and anybody could spend the stored credentials; create a user, "
        "give --security DIR or set FAIRLEAD_INITIAL_ADMIN_PASSWORD, or listen on 127.0.0.1"
    )


def _open_key_file(settings: Settings) -> str | None:
    if not settings.master_key_file:
        return None
    try:
        mode = Path(settings.master_key_file).stat().st_mode
    except (OSError, ValueError):
        return None  # the keyring says what is wrong with it
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"{settings.master_key_file} is open to others than its owner; its mode must be 0600"
    return None


def _admin_names(settings: Settings) -> str | None:
    for text in settings.admin_dn:
        try:
            parse_dn(text)
        except CertificateFault as fault:
            return str(fault)
    return None


def _unproved_admins(settings: Settings) -> str | None:
    if settings.admin_dn and settings.tls_client_auth == "none" and not settings.trusted_proxies:
        return "nobody can show such a certificate: set tls_client_auth, or trusted_proxies that send Client-Cert"
    return None


RULES: tuple[Rule, ...] = (
    Rule("trusted_proxies", _networks("trusted_proxies")),
    Rule("trusted_proxies", _everybody),
    Rule("tls_key", _half_tls),
    Rule("tls_client_auth", _client_authorities),
    Rule("tls_client_ca", _unused_authorities),
    Rule("tls_client_auth", _without_certificate),
    Rule("tls_terminated_by_proxy", _no_proxy),
    Rule("admin_dn", _admin_names),
    Rule("admin_dn", _unproved_admins),
    Rule("idp_networks", _networks("idp_networks")),
    Rule("audit_sinks", _only("audit_sinks", NAMES)),
    Rule("audit_disabled_categories", _only("audit_disabled_categories", Category.__members__)),
    Rule("tls_certificate", _clear_text, public=True),
    Rule("auth", _nobody_asked, public=True),
    Rule("master_key_file", _open_key_file, public=True),
    Rule("data_dir", _writable_by_all, public=True),
)
