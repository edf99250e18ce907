"""Splitting text docs into calls (spec/03 section 3): how many documents go into one."""

from __future__ import annotations

from fairlead.domain.dataset import Dataset, TextDocs
from fairlead.errors import IllegalArgument, NumberFormat

STEP = "input_docs_processed_step_size"


def step_size(text: str) -> int:
    """The step a connector or request asks for; raises IllegalArgument."""
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10 and int(digits) < 2**31):
        raise NumberFormat(f'For input string: "{text}"')
    step = int(text)
    if step <= 0:
        raise IllegalArgument(f"Invalid parameter: {STEP}. It must be positive integer.")
    return step


def split(dataset: Dataset, owned_step: str | None, natural: int) -> list[Dataset]:
    """The datasets of the calls to make, in order. `natural` is what the function takes at once: 0 = all documents.

    The connector's step wins over the request's (D-40), and both over the function's nature.
    """
    if not isinstance(dataset, TextDocs):
        return [dataset]
    asked = owned_step if owned_step is not None else dataset.step
    step = natural if asked is None else step_size(asked)
    docs = dataset.docs
    if step == 0 or step >= len(docs):
        return [dataset]
    return [
        TextDocs(docs[at : at + step], dataset.algorithm_parameters, dataset.step) for at in range(0, len(docs), step)
    ]
