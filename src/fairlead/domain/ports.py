"""What the services need from outside, as protocols: documents, sealed credentials, egress rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fairlead.domain.secret import Secret, SecretReference

Json = dict[str, Any]
"""A JSON object: string keys, values of the JSON types only."""


@dataclass(frozen=True, slots=True)
class Document:
    """One stored document.

    `revision` is the store's counter at its last write (grows over all kinds, used as sequence number);
    `version` counts the writes of this document from 1.
    """

    kind: str
    id: str
    body: Json
    revision: int
    version: int


@dataclass(frozen=True, slots=True)
class Put:
    """Write a document whole. `expect`: None = whatever is there, 0 = it must not exist, n = its revision must be n."""

    kind: str
    id: str
    body: Json
    expect: int | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete a document; `expect` as in `Put`. Deleting what is not there is no fault unless `expect` says so."""

    kind: str
    id: str
    expect: int | None = None


@dataclass(frozen=True, slots=True)
class Require:
    """Writes nothing; the batch fails unless document `id` has revision `expect` (0: is not there).

    With `id` None: unless no document of the kind was written after revision `expect`. So a decision that was made
    from documents of other kinds cannot be overtaken.
    """

    kind: str
    id: str | None
    expect: int


Step = Put | Remove | Require
"""One step of an atomic batch."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one change: `revision` and `version` of the write; `existed` says whether the document was there."""

    kind: str
    id: str
    revision: int
    version: int
    existed: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A change seen by a follower: `document` is None when it was deleted."""

    kind: str
    id: str
    revision: int
    document: Document | None


class Conflict(Exception):
    """A step whose `expect` did not hold; nothing of the batch was written. `id` is empty for a whole kind."""

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"{kind} {id or 'documents'} changed meanwhile")
        self.kind = kind
        self.id = id


class StoreUnavailable(Exception):
    """The database cannot be reached or is damaged. Nothing was written, unless the connection broke at the very commit."""


class Condition(Protocol):
    """What a document must meet: `field` (`_id`: its id) has one of `values` as text, or else a whole number from `low`
    to `high`."""

    @property
    def field(self) -> str: ...
    @property
    def values(self) -> Collection[str] | None: ...
    @property
    def low(self) -> int | None: ...
    @property
    def high(self) -> int | None: ...


FORGET = ""
"""The id in a Change that says: forget every document of this kind, what follows is all there is."""


class Store(Protocol):
    """Documents by kind and id. Every batch is atomic and durable once `write` returned."""

    async def get(self, kind: str, id: str) -> Document | None: ...

    async def all(self, kind: str) -> list[Document]:
        """Every document of a kind, oldest write first."""
        ...

    async def find(self, kind: str, conditions: Sequence[Condition], limit: int | None = None) -> list[Document]:
        """Documents that meet the conditions, and perhaps others: conditions on fields that are not indexed are skipped.
        At most `limit`, whichever they are."""
        ...

    async def count(self, kind: str) -> int: ...

    async def known(self, kind: str) -> bool:
        """Whether a document of this kind was ever stored here (OpenSearch: the index exists)."""
        ...

    async def write(self, changes: Sequence[Step]) -> list[Written]:
        """All or nothing, in order, one result per step; raises Conflict or StoreUnavailable."""
        ...

    async def revision(self) -> int:
        """The counter at the last committed write."""
        ...

    async def changes(self, since: int, kinds: Collection[str] | None = None) -> list[Change]:
        """What was written after revision `since`, oldest first, the last state of each document only; of `kinds` only,
        where they are given.

        When deletions that old are no longer known, it begins with a Change of id FORGET for every kind.
        """
        ...

    async def wait(self, since: int, timeout: float) -> int:
        """Return as soon as the revision is past `since`, at the latest after `timeout` seconds; gives the revision."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SealContext:
    """What a sealed value is bound to: opening it under any other context fails."""

    tenant: str
    kind: str
    resource: str
    field: str
    origins: tuple[str, ...]


class Vault(Protocol):
    """Seals and opens credential values. Texts it returns may be stored; it never returns a plain text but a Secret."""

    async def seal(self, values: Mapping[SealContext, Secret]) -> dict[SealContext, str]: ...

    async def open(self, values: Mapping[SealContext, str]) -> dict[SealContext, Secret]: ...

    def fence(self) -> Sequence[Step]:
        """Steps that belong into the batch that stores what was sealed: it fails when the keys changed meanwhile."""
        ...


class SecretReader(Protocol):
    """Reads secrets that lie outside, where the settings allow it. Errors name the credential's field, never the place."""

    def check(self, reference: SecretReference, field: str) -> None:
        """Raises IllegalArgument unless it may be read."""
        ...

    async def read(self, reference: SecretReference, field: str) -> Secret:
        """Raises IllegalArgument, Unavailable."""
        ...

    async def stamp(self, reference: SecretReference) -> object:
        """What changes when the secret does; None where that cannot be seen."""
        ...


@dataclass(frozen=True, slots=True)
class KeyProblem:
    """A key that does not open what the store holds: its id, how many resources need it, and a line for the operator."""

    key_id: str
    resources: int
    line: str


class RotatingVault(Vault, Protocol):
    """A vault whose data key can be exchanged, and which knows what it lacks."""

    @property
    def active(self) -> str | None:
        """The id of the data key that seals now; None when there is none."""
        ...

    @property
    def made(self) -> int:
        """Epoch milliseconds of the active data key's making; 0 where nobody knows."""
        ...

    @property
    def used(self) -> Counter[str]:
        """Values sealed here by each data key, since somebody took the counts away."""
        ...

    @property
    def problem(self) -> KeyProblem | None:
        """None when every data key of the store is at hand."""
        ...

    async def refresh(self) -> None:
        """Takes in what became of the keys. Raises StoreUnavailable."""
        ...

    async def recount(self) -> None:
        """Counts anew the resources that a problem concerns. Raises StoreUnavailable."""
        ...

    async def add_data_key(self, steps: Sequence[Step] = ()) -> str:
        """Makes a data key, active from now on; `steps` are written with it. Raises Conflict."""
        ...
