"""What is remembered of sessions, within bounds."""

from uuid import uuid4

import pytest
from litestar.types import Scope

from crm_saas.kit.tokens import new_token
from crm_saas.tenancy import parties
from crm_saas.tenancy.parties import Parties
from crm_saas.tenancy.resolution import Caller

SCOPE: Scope = {}  # type: ignore[typeddict-item]


def test_a_session_counts_as_the_tenant_that_it_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parties, "SESSIONS_MAX", 2)
    known, token, shop, cafe = Parties(), new_token("st"), uuid4(), uuid4()
    in_shop, in_cafe = (Caller(token, slug, "", None) for slug in ("shop", "cafe"))
    assert known.of(SCOPE, in_shop) == token.hash
    known.note(in_shop, shop)
    known.note(in_cafe, cafe)
    assert (known.of(SCOPE, in_shop), known.of(SCOPE, in_cafe)) == (shop, cafe)
    known.note(in_shop, shop)
    known.note(Caller(new_token("st"), None, "", None), shop)
    assert (known.of(SCOPE, in_shop), known.of(SCOPE, in_cafe)) == (shop, token.hash)


def test_a_key_says_its_tenant_itself() -> None:
    tenant_id = uuid4()
    assert Parties().of(SCOPE, Caller(new_token("sk", tenant_id), None, "", None)) == tenant_id
