"""What a merge changed, in the form in which its log keeps it (JSON)."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import Table

from crm_saas.customers.models import Customer
from crm_saas.merges.models import Duplicate

CUSTOMERS = cast(Table, Customer.__table__)
SUGGESTIONS = cast(Table, Duplicate.__table__)


class Changed(Struct):
    """One column, before and after."""

    before: Any
    after: Any


class MovedRow(Struct, omit_defaults=True):
    """`version` is the row's, where it has one: a higher one at the undo was edited since."""

    id: UUID
    version: int | None = None
    flagged: bool = False


class MovedClaim(Struct):
    """A phone or e-mail with all that its row holds, so that the undo can make it again."""

    id: UUID
    kind: str
    value: str
    created_at: datetime


class Moved(Struct, omit_defaults=True):
    """The rows of one reference; `held` is the row that the survivor had under the same flag."""

    rows: list[MovedRow] = msgspec.field(default_factory=list)
    held: UUID | None = None


class Pair(Struct):
    """The suggestion of these two, as it stood before the merge decided it."""

    id: UUID
    columns: dict[str, Changed]


class Manifest(Struct):
    source: dict[str, Changed]
    target: dict[str, Changed]
    claims: list[MovedClaim]
    moved: dict[str, Moved]
    pair: Pair | None = None


def typed(table: Table, column: str, value: Any) -> Any:
    """A value of the manifest as the type of its column."""
    if value is None:
        return None
    return msgspec.convert(value, table.c[column].type.python_type)
