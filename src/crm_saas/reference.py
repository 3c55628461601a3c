"""The words of the API reference; kit/openapi/document.py makes the document."""

from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Tag

from crm_saas.examples import ANSWERS, BODIES, STREAMS
from crm_saas.kit.openapi import document as openapi

DESCRIPTION = """
Customers of many businesses, each behind its own wall: a credential belongs to one tenant and
never sees another's rows.

- **Credentials.** `Authorization: Bearer <key>`, with an API key or the token of
  `POST /api/v1/auth/login`. Enter one under *Authorize* to try requests on this page.
- **Tenants.** The credential names the tenant. `X-Tenant` is for staff of several.
- **Lost connections.** Send an `Idempotency-Key` with a POST, and send the same request again:
  it happens once. Every POST takes one except `/auth/login`.
- **Changes at the same time.** Send the `ETag` of your last read as `If-Match`.
- **Errors** are `application/problem+json` (RFC 9457): act on `type`, show `detail`, mark
  `errors[].field`. Nothing is saved when the status is 400 or more.
- **Support.** Every answer carries `X-Request-Id`; the logs know it.
- **Bodies** are JSON in UTF-8. A field that is absent stays as it is, `null` empties it, one
  that nobody knows is refused.
""".strip()

_CUSTOMERS = Tag("Customers", "Guests, stubs and full profiles, from the till to the archive.")

TAGS = {
    "customers": _CUSTOMERS,
    "onboarding": _CUSTOMERS,
    "otp": Tag("One-time codes", "Proof that a phone is in the customer's hand."),
    "addresses": Tag("Addresses", "Places, the default one, and their verification."),
    "merges": Tag("Merges", "Duplicates found, made one, and taken apart again."),
    "audit": Tag("Audit", "Who did what, and when."),
    "access": Tag("Access", "Keys, staff, teams and sessions."),
    "health": Tag("Health", "For probes."),
}

# What an answer that creates something names, for the links to what can be done with it.
NAMES = {
    "CustomerView": {"customer_id": "id", "customer_number": "customerNumber"},
    "Found": {"customer_id": "customer/id", "customer_number": "customer/customerNumber"},
    "AddressView": {"customer_id": "customerId", "address_id": "id"},
    "NewKeyView": {"key_id": "id"},
    "SweepView": {"sweep_id": "id"},
    "MergeDone": {"merge_id": "id", "customer_id": "customer/id"},
}


def openapi_config() -> OpenAPIConfig:
    return openapi.openapi_config(
        title="crm_saas",
        version="1",
        description=DESCRIPTION,
        tags=TAGS,
        bodies=BODIES,
        answers={**ANSWERS, **STREAMS},
        names=NAMES,
    )
