"""What every struct of the API shares."""

from typing import Annotated

import msgspec
from msgspec import Meta

from crm_saas.kit.texts import READABLE


class Struct(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A body of the API: camelCase on the wire, unknown fields refused."""


# The end of a pattern: `$` alone lets a line feed follow in Python, and msgspec searches with it.
END = r"(?!\n)$"

# What people read later has READABLE (kit/texts.py).
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=READABLE)]
Text = Annotated[str, Meta(max_length=200, pattern=READABLE)]
LongText = Annotated[str, Meta(max_length=5000, pattern=READABLE)]
PhoneText = Annotated[str, Meta(min_length=1, max_length=40, examples=["+96890123456"])]
EmailText = Annotated[str, Meta(min_length=3, max_length=254, examples=["amal@example.com"])]


def provided(struct: msgspec.Struct) -> dict[str, object]:
    """The fields that the caller sent, by their Python names; an explicit null counts."""
    return {
        name: value
        for name in struct.__struct_fields__
        if (value := getattr(struct, name)) is not msgspec.UNSET
    }
