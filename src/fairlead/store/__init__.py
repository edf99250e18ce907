"""Documents, revisions and followers over SQLite or PostgreSQL; refuses to know what a document means.

One process opens one store after its last fork:

    store = await open_store("sqlite:////var/lib/fairlead/fairlead.db")
"""

from fairlead.domain.ports import FORGET, Condition
from fairlead.store.documents import INDEXED_FIELDS
from fairlead.store.store import SqlStore, open_store

__all__ = ["FORGET", "INDEXED_FIELDS", "Condition", "SqlStore", "open_store"]
