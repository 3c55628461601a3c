"""Links that download one file without a credential, for some minutes.

Signed, and so bound to the tenant, the export and whoever asked for the link: it opens only for as
long as they may download the file themselves.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from crm_saas.exports.errors import ExportNotFound, LinkExpired
from crm_saas.kit.context import Context
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.settings import Settings

LIFETIME = timedelta(minutes=15)
PATH = "/api/v1/exports/download/"
PURPOSE = "export links"
TOKEN_LENGTH_MAX = 400
_TAG_BYTES = 32


class Link(msgspec.Struct, array_like=True, frozen=True):
    tenant_id: UUID
    export_id: UUID
    actor_kind: str
    actor_id: UUID
    expires_at: int


def make_link(context: Context, export_id: UUID) -> tuple[str, datetime] | None:
    """None for an actor that is nobody in particular."""
    if context.actor.id is None:
        return None
    expires_at = (datetime.now(UTC) + LIFETIME).replace(microsecond=0)
    link = Link(
        context.tenant.id,
        export_id,
        context.actor.kind,
        context.actor.id,
        int(expires_at.timestamp()),
    )
    ring = KeyRing.from_settings(context.settings)
    content = msgspec.json.encode(link)
    token = urlsafe_b64encode(_tag(ring.subkey(PURPOSE), content) + content).rstrip(b"=").decode()
    return f"{context.settings.public_url.rstrip('/')}{PATH}{token}", expires_at


def read_link(settings: Settings, token: str) -> Link:
    """Raises ExportNotFound for one that is not ours, and LinkExpired."""
    if len(token) > TOKEN_LENGTH_MAX:
        raise ExportNotFound
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        if urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
            raise ExportNotFound
        tag, content = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        keys = KeyRing.from_settings(settings).subkeys(PURPOSE).values()
        if not any(hmac.compare_digest(tag, _tag(key, content)) for key in keys):
            raise ExportNotFound
        link = msgspec.json.decode(content, type=Link)
    except (ValueError, msgspec.MsgspecError) as error:
        raise ExportNotFound from error
    if link.expires_at <= datetime.now(UTC).timestamp():
        raise LinkExpired
    return link


def _tag(key: bytes, content: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()
