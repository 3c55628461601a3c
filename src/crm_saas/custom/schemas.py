"""The bodies of the custom fields' API, and the values that customers have of them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from crm_saas.kit.schemas import Name, Struct
from crm_saas.kit.texts import READABLE

FIELDS_MAX = 50
OPTIONS_MAX = 100
TEXT_LENGTH_MAX = 500

Kind = Literal["text", "number", "date", "boolean", "choice"]
Key = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][A-Za-z0-9_-]{0,39}(?!\n)$",
        description="What the value is called in bodies, filters and files. It stays for good.",
        examples=["shoeSize"],
    ),
]
Option = Annotated[str, Meta(min_length=1, max_length=100, pattern=READABLE)]
Options = Annotated[
    list[Option], Meta(max_length=OPTIONS_MAX, description="What a `choice` chooses from.")
]
# Each is checked under its key (custom/values.py), which says more than a decoder could.
Values = Annotated[
    dict[str, Any],
    Meta(
        max_length=FIELDS_MAX,
        description="By the keys of the tenant's custom fields: text, a number, a date such as "
        "2026-11-20, true or false, or one of a choice's options. Null empties one, and what is "
        "absent stays.",
        extra_json_schema={
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            "examples": [{}],
        },
    ),
]


class CreateField(Struct):
    """A `filterable` field is fast to list by, and costs a little at each change of its value.

    `key`, `kind` and `filterable` cannot be changed. A `required` one has to come with every
    customer that is created with `customFields`, and cannot be emptied.
    """

    key: Key
    label: Name
    kind: Kind
    label2: Name | None = None
    options: Options = msgspec.field(default_factory=list)
    required: bool = False
    filterable: bool = False


class PatchField(Struct):
    """An archived field is shown where it has a value, and takes none. Options can be added."""

    label: Name | UnsetType = UNSET
    label2: Name | UnsetType | None = UNSET
    options: Options | UnsetType = UNSET
    required: bool | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class FieldView(Struct):
    id: UUID
    key: str
    label: str
    label2: str | None
    kind: Kind
    options: list[str]
    required: bool
    filterable: bool
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime


class FieldList(Struct):
    """All of them, in the order in which they were made."""

    items: list[FieldView]
