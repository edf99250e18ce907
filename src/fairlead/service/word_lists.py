"""Word lists: made, replaced, shown and deleted. Every change is live on all workers by the snapshot."""

from __future__ import annotations

import asyncio

from fairlead.domain import model as models
from fairlead.domain.chosen_id import check_chosen
from fairlead.domain.ports import Json, Put, Remove, Require
from fairlead.domain.word_list import KIND, WordList
from fairlead.errors import IllegalArgument, StatusFault
from fairlead.search.analysis import analyze
from fairlead.service.changes import Batch, commit
from fairlead.service.guards import guardrails
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot

_SHOWN_USERS = 10


class WordListService:
    """Stored word lists."""

    def __init__(self, ports: Ports, snapshot: Snapshot) -> None:
        self._ports = ports
        self._snapshot = snapshot

    async def put(self, name: str, words: WordList) -> Json:
        """Replaces what is there. A phrase without a word is refused: it would never be found."""
        check_chosen("index_name", name)
        words.check()
        await asyncio.to_thread(_check_words, words)
        (written,) = await self._ports.store.write([Put(KIND, name, words.document())])
        await self._snapshot.catch_up()
        return {"index_name": name, "result": "updated" if written.existed else "created"}

    async def get(self, name: str) -> Json:
        document = await self._ports.store.get(KIND, name)
        if document is None:
            raise _missing(name)
        return {"index_name": name, **WordList.of(document.body).document()}

    async def delete(self, name: str) -> Json:
        """Refused while the guardrails of a model name it: they would refuse every call from then on."""

        async def prepare() -> tuple[Batch, None]:
            seen = await self._ports.store.revision()
            document = await self._ports.store.get(KIND, name)
            if document is None:
                raise _missing(name)
            stored = await self._ports.store.all(models.KIND)
            users = [model.id for model in stored if name in guardrails.word_lists(model.body.get("guardrails") or {})]
            if users:
                raise StatusFault(
                    f"{len(users)} models are still using this word list in their guardrails, please delete or update "
                    f"the models first: [{', '.join(users[:_SHOWN_USERS])}]",
                    409,
                )
            return [Remove(KIND, name, document.revision), Require(models.KIND, None, seen)], None

        await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return {"index_name": name, "result": "deleted"}


def _check_words(words: WordList) -> None:
    for field, phrases in words.phrases.items():
        for phrase in phrases:
            if not analyze(phrase):
                raise IllegalArgument(f"phrases.{field} holds a phrase without a word: [{phrase}]")


def _missing(name: str) -> StatusFault:
    return StatusFault(f"Failed to find word list [{name}]", 404)
