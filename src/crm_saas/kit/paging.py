"""Keyset pages: an opaque cursor that says where the last page ended.

A cursor is signed together with the tenant and the question that it belongs to: one that was made
for another tenant, filter or sort order is refused instead of answering something else.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import msgspec
from litestar.params import QueryParameter

from crm_saas.kit.context import Context
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.errors import InvalidInput

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
Limit = Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX)]
Cursor = Annotated[str | None, QueryParameter(max_length=1000)]

_TAG_BYTES = 16
T = TypeVar("T")
Row = TypeVar("Row")


class Page(NamedTuple, Generic[Row]):
    rows: list[Row]
    next_cursor: str | None


def cut_page(
    context: Context,
    question: Mapping[str, Any],
    found: Iterable[Row],
    limit: int,
    place: Callable[[Row], Sequence[Any]],
) -> Page[Row]:
    """`found` has one row more than `limit` when there is another page; `place` is a row's own."""
    rows = list(found)
    if len(rows) <= limit:
        return Page(rows, None)
    return Page(rows[:limit], write_cursor(context, question, place(rows[limit - 1])))


def write_cursor(context: Context, question: Mapping[str, Any], place: Sequence[Any]) -> str:
    """`place` holds the sort values of the last row shown."""
    content, ring = msgspec.json.encode(list(place)), KeyRing.from_settings(context.settings)
    tag = _tag(ring, ring.current, context, question, content)
    return urlsafe_b64encode(tag + content).rstrip(b"=").decode()


def read_cursor(
    context: Context, question: Mapping[str, Any], cursor: str, place_type: type[T]
) -> T:
    """Raises InvalidInput for a cursor of another tenant, filter or order."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        tag, content = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        # Base64 skips what is not of its alphabet: one cursor would have many spellings.
        canonical = urlsafe_b64encode(raw).rstrip(b"=").decode() == cursor
        ring = KeyRing.from_settings(context.settings)
        # Every key of the ring: while a new one is rolled out, processes sign with different ones.
        signed = (_tag(ring, v, context, question, content) for v in ring.masters)
        if canonical and any(hmac.compare_digest(tag, expected) for expected in signed):
            return msgspec.json.decode(content, type=place_type)
    except (ValueError, msgspec.MsgspecError):
        pass
    raise InvalidInput.of(
        "cursor",
        "is not one that this list gave out for these filters; start again without it",
        "cursor",
    )


def _tag(
    ring: KeyRing, version: int, context: Context, question: Mapping[str, Any], content: bytes
) -> bytes:
    asked = msgspec.json.encode([context.tenant.id, dict(question)], order="sorted", enc_hook=str)
    key = ring.subkey("cursor", version)
    return hmac.new(key, asked + b"\x00" + content, hashlib.sha256).digest()[:_TAG_BYTES]
