"""The parsers of the product: how each is called, what it refuses with, and what must then hold."""

import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from litestar.datastructures import Headers

from crm_saas.custom.values import read_text, read_value
from crm_saas.customers.fields import read_name
from crm_saas.customers.filter_values import read_moment, read_preferences, read_several
from crm_saas.customers.filters import CustomerQuery, conditions
from crm_saas.customers.folding import fold_text
from crm_saas.customers.skeletons import name_skeleton, name_words
from crm_saas.exports.downloads import read_range
from crm_saas.exports.links import make_link, read_link
from crm_saas.kit.bodies import check_body
from crm_saas.kit.context import Actor, Context, Tenant
from crm_saas.kit.emails import InvalidEmail, email_key, mask_email, parse_email
from crm_saas.kit.errors import PreconditionFailed, Problem, Unauthorized
from crm_saas.kit.etags import etag_of, require_match
from crm_saas.kit.money import DECIMALS, Money, minor_units, money_of
from crm_saas.kit.paging import read_cursor, write_cursor
from crm_saas.kit.phones import (
    E164_PATTERN,
    InvalidPhone,
    mask_phone,
    parse_international,
    parse_phone,
)
from crm_saas.kit.queries import read_query
from crm_saas.kit.requests import RequestLog
from crm_saas.kit.settings import Settings
from crm_saas.kit.texts import tidy_line
from crm_saas.kit.tokens import new_token, read_token
from crm_saas.otp.callbacks import callback_url, delivery_state, is_from_twilio, sending_of
from crm_saas.otp.codes import typed_code
from crm_saas.otp.phones import read_phone
from crm_saas.otp.proofs import InvalidProof, Proof, issue_proof, read_proof
from crm_saas.otp.queries import Sending
from crm_saas.tenancy.resolution import read_caller

SETTINGS = Settings(
    database_url="postgresql://nobody@127.0.0.1:1/none",
    base_domain="crm.example",
    trusted_proxies="127.0.0.0/8 10.0.0.0/8",
    twilio_auth_token="token",
)
TENANT = Tenant(UUID(int=8), "shop", "Shop", None, "active", "OM", "en", "OMR", "UTC", {})
CONTEXT = Context(
    session=None,  # type: ignore[arg-type] - no parser asks the database
    tenant=TENANT,
    actor=Actor(kind="key", id=None, name="till", role="pos"),
    database=None,  # type: ignore[arg-type]
    settings=SETTINGS,
    request_id="fuzz",
)
KEYS = {1: b"\x01" * 32, 2: b"\x02" * 32}
PROOF = Proof(
    challenge_id=UUID(int=7), tenant_id=TENANT.id, phone_hash=b"\x09" * 32, purpose="login"
)
TOKEN = new_token("sk", TENANT.id)
SENDING = Sending(TENANT.id, b"\x07" * 32, UUID(int=9), 0, "sms")


@dataclass(frozen=True)
class Parser:
    parse: Callable[[str], Any]
    valid: Sequence[str]
    refusals: tuple[type[Exception], ...] = ()
    holds: Callable[[str, Any], bool] = lambda *_: True


def _latin(text: str) -> str:
    """As a header arrives."""
    return text.encode("utf-8", "replace").decode("latin-1")


def _caller(text: str) -> Any:
    raw = [(b"authorization", text.encode("utf-8")), (b"host", text.encode("utf-8"))]
    return read_caller(Headers(raw), SETTINGS, request_id="fuzz", address=None)


def _address(text: str) -> str | None:
    log = RequestLog(None, SETTINGS)  # type: ignore[arg-type]
    scope: Any = {"client": ("127.0.0.1", 1)}
    return log._address(scope, {b"x-forwarded-for": text.encode("utf-8")})


def _body(text: str) -> object:
    parsed = SimpleNamespace(parameters={"data": SimpleNamespace(annotation=dict[str, Any])})
    handler = SimpleNamespace(opt={}, parsed_fn_signature=parsed)
    scope: Any = {"query_string": b"", "path": "/", "route_handler": handler}
    headers = Headers([(b"content-type", b"application/json")])
    check_body(text.encode("utf-8"), headers, scope)
    return None


def _filter(name: str) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        request: Any = SimpleNamespace(query_params={name: text})
        return conditions(CONTEXT, read_query(request, CustomerQuery))

    return parse


def _custom(text: str) -> dict[str, Any]:
    """What each kind of custom field takes it for."""
    read = {}
    for kind in ("text", "number", "date", "boolean", "choice"):
        field: Any = SimpleNamespace(kind=kind, options=["gold"])
        with suppress(ValueError):
            read[kind] = read_text(field, text)
            if read[kind] is not None:
                assert read_value(field, read[kind]) == read[kind]
    return read


def _money(text: str) -> int:
    return minor_units(Money(amount=text, currency="OMR"))


def _money_comes_back(text: str, minor: int) -> bool:
    return all(minor_units(money_of(minor, code)) == minor for code in ("OMR", "KES", *DECIMALS))


def _query(sending: Sending) -> str:
    return callback_url(SETTINGS, sending).partition("?")[2]


def _keeps(parse: Callable[[str], Any]) -> Callable[[str, Any], bool]:
    """What was read is read again as the same."""
    return lambda _, read: parse(read) == read


def _tidy(text: str, line: str) -> bool:
    seen = [unicodedata.category(c) for c in line]
    return line == tidy_line(line) and not {"Cc", "Zl", "Zp"} & set(seen) and "\u202e" not in line


QUESTION = {"sort": "name"}
CURSOR = write_cursor(CONTEXT, QUESTION, ["a", UUID(int=1)])


HOLDER = replace(CONTEXT, actor=replace(CONTEXT.actor, id=UUID(int=3)))
LINK = str(make_link(HOLDER, UUID(int=4))[0]).rpartition("/")[2]  # type: ignore[index]


def _no_other_cursor(text: str, read: Any) -> bool:
    return text == CURSOR and read == ("a", UUID(int=1))


PARSERS: dict[str, Parser] = {
    "kit.phones.parse_phone": Parser(
        lambda text: parse_phone(text, "OM"),
        ["+96890123456", "9012 3456", "0096890123456", "٩٠١٢٣٤٥٦", "\u202a+968 90123456\u202c"],
        (InvalidPhone,),
        lambda _, e164: (
            bool(E164_PATTERN.fullmatch(e164))
            and parse_phone(e164, "KE") == e164
            and e164[-5:-2] not in mask_phone(e164)[-5:]
        ),
    ),
    "kit.phones.parse_international": Parser(
        parse_international,
        ["+96890123456", "0096890123456", "+٩٦٨٩٠١٢٣٤٥٦"],
        (InvalidPhone,),
        lambda _, e164: parse_international(e164) == e164,
    ),
    "otp.phones.read_phone": Parser(lambda text: read_phone(text, "OM"), ["90123456"], (Problem,)),
    "kit.emails.parse_email": Parser(
        parse_email,
        ["salim@example.com", "سالم@مثال.عمان", "info@bücher.example", "a+b@sub.example.om."],
        (InvalidEmail,),
        lambda _, email: (
            parse_email(email) == email
            and email_key(email_key(email)) == email_key(email)
            and mask_email(email).count("@") == 1
        ),
    ),
    "kit.texts.tidy_line": Parser(
        tidy_line, ["Amal Al Balushi", "أَمَل", "می‌خواهم", "👩‍👩‍👧", "Nguyễn"], (ValueError,), _tidy
    ),
    "customers.fields.read_name": Parser(
        read_name, ["Amal", "O'Neil", "محمّد"], (ValueError,), _keeps(read_name)
    ),
    "customers.filter_values.read_several": Parser(
        lambda text: read_several(text, ("active", "blocked")), ["active, blocked"], (ValueError,)
    ),
    "customers.filter_values.read_preferences": Parser(
        read_preferences, ['{"scent": "oud", "sizes": [1, 2.5]}'], (ValueError,)
    ),
    "customers.filter_values.read_moment": Parser(
        lambda text: read_moment("from", text),
        ["2026-11-20", "2026-11-20T08:00:00+04:00"],
        (ValueError, Problem),
        lambda _, moment: moment.utcoffset() is not None,
    ),
    "custom.values.read_text": Parser(
        _custom, ["gold", "42.5", "2024-02-29", "true"], (), lambda _, read: "number" not in read
        or abs(read["number"]) <= 2**53,
    ),
    "customers.folding.fold_text": Parser(fold_text, ["Émile", "أحمد", "ﷺ", "CUST-00001"]),
    "customers.skeletons.name_skeleton": Parser(
        lambda text: (name_skeleton(fold_text(text)), name_words(fold_text(text))),
        ["Khalid bin Said Al Maamari", "محمد بن عبد الله"],
    ),
    "kit.paging.read_cursor": Parser(
        lambda text: read_cursor(CONTEXT, QUESTION, text, tuple[str, UUID]),
        [CURSOR],
        (Problem,),
        _no_other_cursor,
    ),
    "kit.tokens.read_token": Parser(
        read_token,
        [TOKEN.text, new_token("pk", TENANT.id).text, new_token("st").text],
        (),
        lambda text, token: token is None or token.text == text,
    ),
    "tenancy.resolution.read_caller": Parser(
        _caller,
        [f"Bearer {TOKEN.text}", "Bearer crm_sk_a_b", "Basic YTpi", "shop.crm.example:8000"],
        (Unauthorized,),
        lambda text, caller: caller.token.text in text,
    ),
    "otp.proofs.read_proof": Parser(
        lambda text: read_proof(KEYS, text),
        [issue_proof(KEYS, PROOF), issue_proof({1: KEYS[1]}, replace(PROOF, purpose="login"))],
        (InvalidProof,),
        lambda _, proof: proof == PROOF,
    ),
    "otp.codes.typed_code": Parser(typed_code, ["123456", "١٢٣ ٤٥٦", "123-456"]),
    "otp.callbacks.sending_of": Parser(
        sending_of,
        [_query(SENDING), _query(SENDING._replace(channel="voice", send_counter=3))],
        (),
        lambda _, sending: sending is None or sending_of(_query(sending)) == sending,
    ),
    "otp.callbacks.is_from_twilio": Parser(
        lambda text: is_from_twilio(
            SETTINGS, query=_query(SENDING), form={"To": text}, signature=_latin(text)
        ),
        ["0/KCTR6DLpKmkAf8muzZqo1nDgQ=", ""],
        (),
        lambda _, believed: believed is False,
    ),
    "otp.callbacks.delivery_state": Parser(
        lambda text: delivery_state({"MessageStatus": text}), ["delivered", "failed"]
    ),
    "kit.etags.require_match": Parser(
        lambda text: require_match(SimpleNamespace(version=3), _latin(text)),
        [etag_of(SimpleNamespace(version=3)), '"2", "3"', "*", 'W/"3"'],
        (PreconditionFailed,),
        lambda text, _: '"3"' in text or text.strip() == "*",
    ),
    "kit.bodies.check_body": Parser(
        _body,
        ['{"a": [1, {"b": "\\ud83d\\ude00"}]}', "[" * 40, '{"a":1,"a":2}', "1e999"],
        (Problem,),
    ),
    "exports.links.read_link": Parser(
        lambda text: read_link(SETTINGS, text), [LINK], (Problem,), lambda text, _: text == LINK
    ),
    "exports.downloads.read_range": Parser(
        lambda text: read_range(text, 10),
        ["bytes=0-", "bytes=-3", "bytes=2-4", "bytes=0-99"],
        (Problem,),
        lambda _, part: part is None or 0 <= part[0] < part[1] <= 10,
    ),
    "kit.money.minor_units": Parser(
        _money, ["12.500", "-1", "999999999999999.9999"], (ValueError, ArithmeticError),
        _money_comes_back,
    ),
    "kit.requests.address": Parser(
        _address, ["203.0.113.7", "10.0.0.1, 203.0.113.7", "::1", "unknown"]
    ),
    **{
        f"customers.filters.{name}": Parser(_filter(name), valid, (Problem,))
        for name, valid in {
            "search": ["amal", "+968 9012", "CUST-1"],
            "name": ["Amal"],
            "phone": ["90123456"],
            "email": ["a@example.com"],
            "status": ["active,blocked"],
            "createdFrom": ["2026-11-20", "2026-11-20T08:00:00+04:00"],
            "preferences": ['{"scent": "oud"}'],
            "annualRevenueFrom": ["12.5"],
            "dateOfBirth": ["1990-01-31"],
            "teamId": [str(UUID(int=1))],
            "customerNumber": ["CUST-00001"],
            "phoneVerified": ["true", "0"],
        }.items()
    },
}  # fmt: skip
