"""Reply bodies that OpenSearch builds for document writes (spec/01 1.12, 1.15)."""

from __future__ import annotations

from fairlead.domain.ports import Json, Written


def written(index: str, write: Written, result: str) -> Json:
    """The reply of an update or delete: `result` is updated, deleted or not_found."""
    return {
        "_index": index,
        "_id": write.id,
        "_version": write.version,
        "result": result,
        "forced_refresh": True,
        "_shards": {"total": 1, "successful": 1, "failed": 0},
        "_seq_no": write.revision,
        "_primary_term": 1,
    }


def unchanged(index: str, write: Written) -> Json:
    """The reply of an update that changes nothing; `write` is the document's last one."""
    shown = written(index, write, "noop")
    del shown["forced_refresh"]
    return {**shown, "_shards": {"total": 0, "successful": 0, "failed": 0}}
