"""Where a batch job's failure is written: an S3 bucket, its address, and the object for one job. Writes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.domain.ports import Json
from fairlead.errors import IllegalArgument

KIND = "dead_letter"
"""Letters that are still to be written, by the id of their task."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z0-9]{1,16}){1,4}", re.ASCII)
SERVICE = "s3"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket and its region, both of a form that AWS knows, so that they cannot name another host."""

    name: str
    region: str

    @classmethod
    def of(cls, dlq: Mapping[str, str]) -> Bucket:
        """Raises IllegalArgument that names the member."""
        name, region = dlq["bucket"], dlq["region"]
        if not _BUCKET.fullmatch(name) or ".." in name:
            raise IllegalArgument("[dlq.bucket] is no name of an S3 bucket")
        if not _REGION.fullmatch(region):
            raise IllegalArgument("[dlq.region] is no name of an AWS region")
        return cls(name, region)

    def url(self, key: str) -> str:
        """The address of an object. A dotted name goes into the path: no certificate is good for it as a host."""
        domain = f"s3.{self.region}.amazonaws.com" + (".cn" if self.region.startswith("cn-") else "")
        if "." in self.name:
            return f"https://{domain}/{self.name}/{key}"
        return f"https://{self.name}.{domain}/{key}"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One object to be written with the credential of a model's connector. `attempts` that failed; `due`: not before, in
    epoch milliseconds."""

    model_id: str
    bucket: Bucket
    key: str
    content: str
    attempts: int = 0
    due: int = 0

    def document(self) -> Json:
        return {
            "model_id": self.model_id,
            "bucket": self.bucket.name,
            "region": self.bucket.region,
            "key": self.key,
            "content": self.content,
            "attempts": self.attempts,
            "due": self.due,
        }

    @classmethod
    def of(cls, document: Mapping[str, object]) -> DeadLetter:
        values = dict(document)
        bucket = Bucket(str(values.pop("bucket")), str(values.pop("region")))
        return cls(bucket=bucket, **values)  # type: ignore[arg-type]
