"""Documents, revisions and followers over SQLite or PostgreSQL; refuses to know what a document means.

One process opens one store after its last fork:

    store = await open_store("sqlite:////var/lib/fairlead/fairlead.db")
"""

from fairlead.store.documents import FORGET
from fairlead.store.store import SqlStore, open_store

__all__ = ["FORGET", "SqlStore", "open_store"]
