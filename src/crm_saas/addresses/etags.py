"""`ETag` is the row's version; `If-Match` binds where it is sent (RFC 9110, 13.1.1)."""

from crm_saas.addresses.models import Address
from crm_saas.kit.errors import PreconditionFailed


def etag_of(address: Address) -> str:
    return f'"{address.version}"'


def require_match(address: Address, if_match: str | None) -> None:
    """Call it with the customer locked. Raises PreconditionFailed."""
    if if_match is None or if_match.strip() == "*":
        return
    # Strong comparison: a weak tag (W/"…") matches nothing.
    if etag_of(address) not in (tag.strip() for tag in if_match.split(",")):
        raise PreconditionFailed(
            f"The address is at ETag {etag_of(address)} now. Read it again and repeat the change."
        )
