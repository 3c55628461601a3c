"""`ETag` is the row's version; `If-Match` binds where it is sent (RFC 9110, 13.1.1)."""

from typing import Annotated, Protocol

from litestar.params import HeaderParameter

from crm_saas.kit.errors import PreconditionFailed

IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", max_length=1000, required=False)]


class Versioned(Protocol):
    @property
    def version(self) -> int: ...


def etag_of(row: Versioned) -> str:
    return f'"{row.version}"'


def require_match(row: Versioned, if_match: str | None) -> None:
    """Call it with the row locked. Raises PreconditionFailed."""
    if if_match is None or if_match.strip() == "*":
        return
    # Strong comparison: a weak tag (W/"…") matches nothing.
    if etag_of(row) not in (tag.strip() for tag in if_match.split(",")):
        raise PreconditionFailed(
            f"It is at ETag {etag_of(row)} now. Read it again and repeat the change."
        )
