"""From the body of a request to an import."""

from typing import Any

import msgspec
from litestar import Request, Response
from sqlalchemy import select

from crm_saas.imports.encodings import Delimiter, Encoding
from crm_saas.imports.models import Import
from crm_saas.imports.schemas import ImportView
from crm_saas.imports.uploading import Kept, add_import, keep_upload
from crm_saas.imports.views import view_import
from crm_saas.kit import idempotency
from crm_saas.kit.context import Context, renewed
from crm_saas.kit.files import Files
from crm_saas.kit.uploads import receive_upload

_ROUTE = "POST /api/v1/imports"


async def receive_import(
    context: Context,
    request: Request[Any, Any, Any],
    *,
    filename: str,
    encoding: Encoding | None,
    delimiter: Delimiter | None,
) -> Response[ImportView]:
    """No transaction is open while the body comes. What is refused leaves nothing behind."""
    settings = context.settings
    async with receive_upload(
        request, tenant=context.tenant.id, bytes_max=settings.import_bytes_max
    ) as upload:
        kept = await keep_upload(
            context, upload, filename=filename, encoding=encoding, delimiter=delimiter
        )
    key = request.headers.get("idempotency-key")
    saved = False
    try:
        async with renewed(context) as saving:
            answer = await _answer(saving, kept, key, upload.digest)
        saved = not answer.headers.get("Idempotency-Replayed")
    finally:
        # Where the connection broke at its end, the commit may have come through all the same.
        if not saved and not await _is_listed(context, kept):
            await Files.from_settings(settings).delete(kept.name)
    return answer


async def _is_listed(context: Context, kept: Kept) -> bool:
    async with renewed(context) as asking:
        found = await asking.session.scalar(
            select(Import.id).where(Import.tenant_org_id == context.tenant.id, Import.id == kept.id)
        )
    return found is not None


async def _answer(
    context: Context, kept: Kept, key: str | None, digest: bytes
) -> Response[ImportView]:
    """The one that was given before, where the same file came with the same key."""
    stored = None
    if key is not None:
        stored = await idempotency.claim(context, route=_ROUTE, key=key, body=digest)
    if stored is not None:
        view = msgspec.json.decode(idempotency.stored_body(context, stored), type=ImportView)
        return Response(view, status_code=201, headers={"Idempotency-Replayed": "true"})
    view = view_import(await add_import(context, kept))
    if key is not None:
        kept_answer = idempotency.seal_answer(
            context,
            route=_ROUTE,
            key=key,
            request_body=digest,
            status=201,
            headers=[],
            body=msgspec.json.encode(view),
        )
        await idempotency.store(context, kept_answer)
    return Response(view, status_code=201, headers={"Location": f"/api/v1/imports/{view.id}"})
