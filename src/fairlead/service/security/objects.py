"""Users, roles, mappings and action groups as the Security REST API changes them: read, put, patch, delete.

Each change is one atomic write that all workers follow; nobody changes what gives more rights than they have (spec/06
2.2 to 2.6).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from fairlead.domain.ports import Document, Json, Put, Remove, Step, Store
from fairlead.domain.principal import Principal
from fairlead.domain.security_objects import ACTION_GROUPS, FLAGS, MAPPINGS, PASSWORD_UNTIL, ROLES, USERS, ObjectKind
from fairlead.errors import InvalidSecurityObject, SecurityApiFault
from fairlead.security.password_rules import PasswordRules
from fairlead.security.passwords import hash_fault, hash_password
from fairlead.service.changes import Batch, commit
from fairlead.service.security import json_patch, validation
from fairlead.service.security.builtin import BUILTIN_ACTION_GROUPS, BUILTIN_ROLES
from fairlead.service.security.configuration import Configuration
from fairlead.service.security.hashing import HashPool
from fairlead.service.security.key_entries import keys_of

_BUILTIN: Mapping[str, Mapping[str, Json]] = {ROLES.kind: BUILTIN_ROLES, ACTION_GROUPS.kind: BUILTIN_ACTION_GROUPS}
_EXPLICIT = "restapi:"
_GROUP_TYPES = ("cluster", "index")


@dataclass(frozen=True, slots=True)
class Editor:
    """Who changes something. `supers`: the kinds of which reserved objects and flags may be changed too; `if_match` is
    the revision that the object must have, None for whichever."""

    principal: Principal
    supers: frozenset[str]
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class View:
    """Objects by name as they are shown, and the tag of this state."""

    objects: Json
    tag: str


@dataclass(frozen=True, slots=True)
class Objects:
    """One state of one kind: what is stored, with revisions, and what is built in."""

    kind: ObjectKind
    stored: Mapping[str, Document]

    def body(self, name: str) -> Json | None:
        builtin = _BUILTIN.get(self.kind.kind, {}).get(name)
        if builtin is not None and builtin["static"]:
            return builtin
        document = self.stored.get(name)
        return document.body if document is not None else builtin

    def names(self) -> list[str]:
        return list(dict.fromkeys([*_BUILTIN.get(self.kind.kind, {}), *sorted(self.stored)]))

    def revision(self, name: str) -> int:
        document = self.stored.get(name)
        return document.revision if document is not None else 0

    def tag(self, name: str | None = None) -> str:
        if name is not None:
            return f'"{self.revision(name)}"'
        newest = max((document.revision for document in self.stored.values()), default=0)
        return f'"{newest}-{len(self.stored)}"'


READ_ONLY = "Users, roles, mappings and action groups are kept in files here (users = file)."


class SecurityObjects:
    """`changed` is awaited after every write: when it returns, the change holds everywhere; when it raises, as the store
    went away, all are told even so. `read_only`: files are the truth, and nobody changes anything through here."""

    def __init__(
        self,
        store: Store,
        rules: PasswordRules,
        hashing: HashPool,
        changed: Callable[[], Awaitable[None]],
        *,
        read_only: bool = False,
    ) -> None:
        self._read_only = read_only
        self._store = store
        self._rules = rules
        self._hashing = hashing
        self._changed = changed

    async def read(self, kind: ObjectKind, editor: Editor, name: str | None) -> View:
        """One object or all that the caller may see. Raises SecurityApiFault 404."""
        objects = await self._objects(kind)
        if name is not None:
            body = _require(objects, name, editor)
            return View({name: kind.shown(body)}, objects.tag(name))
        found = {each: objects.body(each) or {} for each in objects.names()}
        shown = {each: kind.shown(body) for each, body in found.items() if _visible(body, kind, editor)}
        return View(shown, objects.tag())

    async def put(self, kind: ObjectKind, editor: Editor, name: str, raw: bytes) -> bool:
        """True when the object is new."""
        self.require_writable()
        validation.check_name(kind.noun, name)
        wanted = validation.check(
            validation.shape_of(kind, flags=kind.kind in editor.supers), validation.read_object(raw)
        )
        if kind is USERS:
            wanted = await self._with_hash(name, wanted)

        async def prepare() -> tuple[Batch, bool]:
            objects = await self._objects(kind)
            _match(objects, editor, name)
            step = await self._step(objects, editor, name, wanted)
            return [step], objects.body(name) is None

        return await self._commit(prepare)

    def require_writable(self) -> None:
        """Before anything is looked at. Raises SecurityApiFault 403."""
        if self._read_only:
            raise SecurityApiFault(403, READ_ONLY)

    async def delete(self, kind: ObjectKind, editor: Editor, name: str) -> None:
        self.require_writable()

        async def prepare() -> tuple[Batch, bool]:
            objects = await self._objects(kind)
            body = _require(objects, name, editor)
            _match(objects, editor, name)
            _check_changeable(objects, editor, name)
            await self._check_rights(kind, editor, name, body)
            return [Remove(kind.kind, name, objects.revision(name)), *await self._keys_of(kind, [name])], True

        await self._commit(prepare)

    async def patch(self, kind: ObjectKind, editor: Editor, name: str | None, raw: bytes) -> bool:
        """False when nothing had to be changed. All or nothing."""
        self.require_writable()
        operations = json_patch.read_patch(raw)

        async def prepare() -> tuple[Batch, bool]:
            objects = await self._objects(kind)
            if name is not None:
                _require(objects, name, editor)
            _match(objects, editor, name)
            before = {each: _patchable(kind, objects.body(each) or {}) for each in objects.names()}
            if name is not None:
                after = {**before, name: json_patch.apply(before[name], operations)}
            else:
                after = json_patch.apply(before, operations)
            batch = await self._patched(objects, editor, before, after)
            return batch, bool(batch)

        return await self._commit(prepare)

    async def _patched(self, objects: Objects, editor: Editor, before: Json, after: Json) -> list[Step]:
        kind = objects.kind
        if not isinstance(after, dict):
            raise SecurityApiFault(400, "Wrong request body")
        batch = await self._keys_of(kind, [each for each in before if each not in after])
        for each in dict.fromkeys((*before, *after)):
            if before.get(each) == after.get(each) and (each in before) == (each in after):
                continue
            validation.check_name(kind.noun, each)
            if each not in after:
                _check_changeable(objects, editor, each)
                await self._check_rights(kind, editor, each, objects.body(each) or {})
                batch.append(Remove(kind.kind, each, objects.revision(each)))
                continue
            wanted = after[each]
            if not isinstance(wanted, dict):
                raise InvalidSecurityObject("Wrong datatype", {each: "Object expected"})
            shape = validation.shape_of(kind, flags=kind.kind in editor.supers)
            wanted = validation.check(shape, wanted)
            if kind is USERS:
                wanted = await self._with_hash(each, wanted)
            batch.append(await self._step(objects, editor, each, wanted))
        return batch

    async def _step(self, objects: Objects, editor: Editor, name: str, wanted: Json) -> Put:
        """The write that makes an object what a checked body says. Raises SecurityApiFault."""
        kind, present = objects.kind, objects.body(name)
        if present is not None:
            _check_changeable(objects, editor, name)
            await self._check_rights(kind, editor, name, present)
        await _CROSS_CHECKS[kind.kind](self, editor, name, wanted, present)
        await self._check_rights(kind, editor, name, wanted)
        body = {flag: value for flag, value in (present or {}).items() if flag in FLAGS and flag != "static"}
        for field in kind.fields:
            if field.writable and field.name in wanted:
                body[field.name] = wanted[field.name]
        body |= {flag: wanted[flag] for flag in FLAGS if flag in wanted}
        if body.get("hidden"):
            body["reserved"] = True
        if kind is USERS:
            body.setdefault("hash", (present or {}).get("hash", ""))
            kept = ["enabled", "service"]
            if body["hash"] == (present or {}).get("hash"):
                kept.append(PASSWORD_UNTIL)
            body |= {key: value for key, value in (present or {}).items() if key in kept}
        return Put(kind.kind, name, body, objects.revision(name))

    async def _with_hash(self, name: str, wanted: Json) -> Json:
        """A password becomes a hash; it wins over one that is given too."""
        password = wanted.get("password")
        body = {key: value for key, value in wanted.items() if key != "password"}
        if password:
            body["hash"] = await self.hashed(name, password)
        elif wanted.get("hash"):
            check_hash(wanted["hash"])
        elif "password" in wanted and "hash" not in wanted:
            raise InvalidSecurityObject("Password is too short")
        return body

    async def hashed(self, name: str, password: str) -> str:
        """The hash of a password that keeps the rules. Raises InvalidSecurityObject and HashingOverloaded."""
        if (fault := self._rules.fault(name, password)) is not None:
            raise InvalidSecurityObject(fault)
        return await self._hashing.run(lambda: hash_password(password))

    async def check_user(self, editor: Editor, name: str, wanted: Json, present: Json | None) -> None:
        if present is None and not wanted.get("hash"):
            raise SecurityApiFault(400, "Please specify either 'hash' or 'password' when creating a new internal user.")
        roles = await self._objects(ROLES)
        mappings = await self._objects(MAPPINGS)
        for role in wanted.get("opendistro_security_roles", ()):
            body = roles.body(role)
            if body is None or not _visible(body, ROLES, editor):
                raise SecurityApiFault(404, f"role '{role}' not found.")
            mapping = mappings.body(role)
            if mapping is not None and MAPPINGS.kind not in editor.supers and mapping.get("reserved"):
                raise SecurityApiFault(403, f"Resource '{role}' is reserved.")

    async def check_role(self, editor: Editor, name: str, wanted: Json, present: Json | None) -> None:
        """Any permission may be named, whether there is an action of that name or not."""

    async def check_mapping(self, editor: Editor, name: str, wanted: Json, present: Json | None) -> None:
        body = (await self._objects(ROLES)).body(name)
        if body is None or not _visible(body, ROLES, editor):
            raise SecurityApiFault(404, f"role '{name}' not found.")

    async def check_group(self, editor: Editor, name: str, wanted: Json, present: Json | None) -> None:
        type_ = wanted.get("type")
        if type_ is not None and type_ not in _GROUP_TYPES:
            supported = ", ".join(_GROUP_TYPES)
            raise SecurityApiFault(400, f"Invalid action group type: {type_}. Supported types are: {supported}.")
        if (await self._objects(ROLES)).body(name) is not None:
            text = f"{name} is an existing role. A action group cannot be named with an existing role name."
            raise SecurityApiFault(400, text)
        if name in wanted.get("allowed_actions", ()):
            raise SecurityApiFault(400, f"{name} cannot be an allowed_action of itself")

    async def _check_rights(self, kind: ObjectKind, editor: Editor, name: str, body: Json) -> None:
        """Whoever may not change reserved objects gives nobody that right, and touches nothing that does (spec/06 2.2)."""
        if editor.principal.super_admin or kind.kind in editor.supers:
            return
        roles, groups = await self._objects(ROLES), await self._objects(ACTION_GROUPS)
        configuration = Configuration(
            roles={each: roles.body(each) or {} for each in roles.names()},
            action_groups={each: groups.body(each) or {} for each in groups.names()},
        )
        entries: list[str] = []
        if kind is ROLES:
            entries = body.get("cluster_permissions") or []
        elif kind is ACTION_GROUPS:
            entries = body.get("allowed_actions") or []
        else:
            named = [name] if kind is MAPPINGS else body.get("opendistro_security_roles") or []
            for role in named:
                entries += (configuration.roles.get(role) or {}).get("cluster_permissions") or []
        if any(entry.startswith(_EXPLICIT) for entry in configuration.permissions(entries)):
            raise SecurityApiFault(403, "Access denied")

    async def _keys_of(self, kind: ObjectKind, names: Collection[str]) -> list[Step]:
        """Keys die with their owner: somebody who gets the name later does not get the keys."""
        return await keys_of(self._store, names) if kind is USERS else []

    async def _objects(self, kind: ObjectKind) -> Objects:
        return Objects(kind, {document.id: document for document in await self._store.all(kind.kind)})

    async def _commit(self, prepare: Callable[[], Awaitable[tuple[Batch, bool]]]) -> bool:
        written, result = await commit(self._store, prepare)
        if written:
            await self._changed()
        return result

    async def announce(self) -> None:
        """Tells of a change that was made past this object."""
        await self._changed()

    async def set_hash(self, name: str, hash: str, proves: Callable[[str], Awaitable[bool]]) -> None:
        """The owner's own new hash, provided the one that is there is `proves`d. Raises SecurityApiFault."""

        async def prepare() -> tuple[Batch, bool]:
            objects = await self._objects(USERS)
            body = objects.body(name)
            if body is None:
                raise SecurityApiFault(404, f"user '{name}' not found.")
            if not await proves(str(body.get("hash") or "")):
                raise SecurityApiFault(409, "The user changed meanwhile")
            changed = {key: value for key, value in body.items() if key != PASSWORD_UNTIL} | {"hash": hash}
            return [Put(USERS.kind, name, changed, objects.revision(name))], True

        await self._commit(prepare)


_CROSS_CHECKS: Mapping[str, Callable[[SecurityObjects, Editor, str, Json, Json | None], Awaitable[None]]] = {
    USERS.kind: SecurityObjects.check_user,
    ROLES.kind: SecurityObjects.check_role,
    MAPPINGS.kind: SecurityObjects.check_mapping,
    ACTION_GROUPS.kind: SecurityObjects.check_group,
}


def check_hash(text: str) -> None:
    """The original stores whatever it is given (spec/06 2.4, quirk)."""
    if (fault := hash_fault(text)) is not None:
        raise SecurityApiFault(400, f"[hash] {fault}")


def _visible(body: Json, kind: ObjectKind, editor: Editor) -> bool:
    return not body.get("hidden") or kind.kind in editor.supers


def _require(objects: Objects, name: str, editor: Editor) -> Json:
    body = objects.body(name)
    if body is None:
        raise SecurityApiFault(404, f"{objects.kind.noun} '{name}' not found.")
    if not _visible(body, objects.kind, editor):
        raise SecurityApiFault(404, f"Resource '{name}' is not available.")
    return body


def _check_changeable(objects: Objects, editor: Editor, name: str) -> None:
    body = objects.body(name) or {}
    if not _visible(body, objects.kind, editor):
        raise SecurityApiFault(404, f"Resource '{name}' is not available.")
    if body.get("static"):
        raise SecurityApiFault(403, f"Resource '{name}' is static.")
    if body.get("reserved") and objects.kind.kind not in editor.supers:
        raise SecurityApiFault(403, f"Resource '{name}' is reserved.")


def _match(objects: Objects, editor: Editor, name: str | None) -> None:
    """`If-Match` (RFC 9110 13.1.1)."""
    if editor.if_match is None:
        return
    given = [tag.strip() for tag in editor.if_match.split(",")]
    present = name is None or objects.body(name) is not None
    if objects.tag(name) not in given and not ("*" in given and present):
        raise SecurityApiFault(412, f"The state is {objects.tag(name)} by now, not {editor.if_match}")


def _patchable(kind: ObjectKind, body: Json) -> Json:
    """What a patch sees: writable fields that are not empty (spec/06 2.5)."""
    return {field.name: body[field.name] for field in kind.fields if field.writable and body.get(field.name)}
