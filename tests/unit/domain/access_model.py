"""The access rules of spec/01 section 3 once more, written down from the specification alone as dictionaries and strings.

Tests hold fairlead.domain.access against it. It shares nothing with it, so that a slip in one is seen in the other.
"""

from __future__ import annotations

from typing import Any

User = dict[str, Any]  # name, backend_roles, roles
Item = dict[str, Any]  # owner (a name) | access | backend_roles, each may be missing
Request = dict[str, Any]  # access_mode | backend_roles | add_all_backend_roles, each may be missing


def is_admin(user: User) -> bool:
    return "all_access" in user["roles"]


def shares(user: User, item: Item) -> bool:
    return any(role in item.get("backend_roles", []) for role in user["backend_roles"])


def may_use(user: User, item: Item) -> bool:
    if is_admin(user) or "owner" not in item:
        return True
    by_mode = {"public": True, "private": item["owner"] == user["name"], "restricted": shares(user, item)}
    return by_mode.get(item.get("access", ""), False)


def finds(user: User, item: Item) -> bool:
    return is_admin(user) or ("access" in item and may_use(user, item))


def made(user: User, ask: Request, texts: dict[str, str], group: bool) -> str | Item:
    """What creating gives: the stored item or the key of the refusal's text."""
    mode, roles, every = ask.get("access_mode"), ask.get("backend_roles") or [], ask.get("add_all_backend_roles")
    if group and mode is None and roles and every:
        return texts["both"]
    if not group and is_admin(user) and every:
        return texts["admin"]
    if mode is None:
        mode = "restricted" if roles or every else "private"
    if mode in ("public", "private"):
        return texts["only_restricted"] if roles or every else {"owner": user["name"], "access": mode}
    if group and is_admin(user) and every:
        return texts["admin"]
    if group and not is_admin(user) and not user["backend_roles"]:
        return texts["no_roles"]
    if not group and every:
        if roles:
            return texts["both"]
        if not user["backend_roles"]:
            return texts["no_roles"]
    if not roles and not every:
        return texts["neither"]
    if group and roles and every:
        return texts["both"]
    if not every and not is_admin(user) and any(role not in user["backend_roles"] for role in roles):
        return texts["foreign"]
    return {"owner": user["name"], "access": mode, "backend_roles": user["backend_roles"] if every else roles}


def changed(user: User, item: Item, ask: Request, texts: dict[str, str]) -> str | Item:
    """What updating a group gives: the item afterwards or the text of the refusal."""
    mode, roles, every = ask.get("access_mode"), ask.get("backend_roles"), ask.get("add_all_backend_roles")
    owner, admin = item.get("owner") == user["name"], is_admin(user)
    if (mode is not None or roles is not None or every is not None) and not owner and not admin:
        return texts["only_owner"]
    if not admin and not owner and not may_use(user, item):
        return texts["no_permission"]
    if owner and not admin and item.get("access") == "restricted" and not shares(user, item):
        return texts["lost_role"]
    if mode in ("public", "private"):
        if roles or every:
            return texts["only_restricted"]
        kept = {name: value for name, value in item.items() if name != "backend_roles"}
        return {"owner": user["name"], **kept, "access": mode}
    for refused, text in (
        (admin and every, "admin"),
        (every and not user["backend_roles"], "no_roles_at_update"),
        (not roles and every is False, "must_give_roles"),
        (roles and every, "both"),
        (mode == "restricted" and not roles and not every, "neither"),
        (not admin and any(role not in user["backend_roles"] for role in roles or []), "foreign"),
    ):
        if refused:
            return texts[text]
    if not roles and not every:
        return item
    return {
        "owner": user["name"],
        **item,
        "access": "restricted",
        "backend_roles": user["backend_roles"] if every else roles,
    }
