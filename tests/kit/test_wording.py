from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from crm_saas.custom.schemas import Key
from crm_saas.kit.money import Amount
from crm_saas.kit.wording import plain

Profile = Literal["guest", "stub", "full"]


@pytest.mark.parametrize(
    ("raw", "kind", "message"),
    [
        ("king", Profile, "must be one of guest, stub, full"),
        ("king", Profile | None | UnsetType, "must be one of guest, stub, full"),
        ("", Annotated[str, Meta(min_length=1)], "must have 1 character at least"),
        ("abc", Annotated[str, Meta(max_length=2)], "must have 2 characters at most"),
        ([], Annotated[list[int], Meta(min_length=1)], "must have 1 item at least"),
        (91, Annotated[float, Meta(le=90)], "must be at most 90"),
        (0, Annotated[int, Meta(ge=1)], "must be at least 1"),
        (5, str, "must be text"),
        (5, str | None, "must be text or null"),
        ("x", int, "must be a whole number"),
        ("x", float, "must be a number"),
        ("x", bool, "must be true or false"),
        ("x", list[int], "must be a list"),
        ("x", dict[str, int], "must be a JSON object"),
        ("x", UUID, "must be a UUID"),
        ("x", datetime, "must be a time such as 2026-01-31T09:00:00Z"),
        ("X", Annotated[str, Meta(pattern="^[a-z]$")], "must match '^[a-z]$'"),
        ("1e5", Amount | None, "must have a form such as 12500.000"),
        (["A-1"], list[Key], "must have a form such as shoeSize"),
    ],
)
def test_in_plain_words(raw: object, kind: Any, message: str) -> None:
    assert raw is not UNSET
    with pytest.raises(msgspec.ValidationError) as refusal:
        msgspec.convert(raw, kind)
    assert plain(str(refusal.value).partition(" - at ")[0], kind) == message
