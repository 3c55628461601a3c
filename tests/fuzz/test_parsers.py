"""Every parser of ours, given what nobody should send: it answers or refuses, as it says it does.

A parser is a public function of the product that is named `parse_…`, `read_…`, `typed_…`, `fold_…`
or `tidy_…` and takes text or bytes from outside. A new one has to have a line in
tests/fuzz/parsers.py.
"""

import ast
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import crm_saas
from assurance import Reached
from crm_saas.kit.money import minor_units, money_of
from fuzz.file_parsers import FILE_PARSERS
from fuzz.hostile import altered
from fuzz.parsers import PARSERS as OTHERS
from sizes import sized

EXAMPLES = sized(short=60, long=1_000, full=20_000)
PARSER_NAMES = ("parse_", "read_", "typed_", "fold_", "tidy_")
OUTSIDE = ("str", "bytes", "Headers")

PARSERS = OTHERS | FILE_PARSERS
# Parsers of ours that other tests give hostile input: what reaches them comes over HTTP.
ELSEWHERE = {
    "kit.queries.read_query": "the filters above",
    "operator.read_json_schema": "tests/tenancy/test_configuration.py",
    "customers.preferences.read_preferences": "tests/fuzz/test_api.py",
    "addresses.fields.read_fields": "tests/fuzz/test_api.py",
    "customers.routes.read_customer_by_number": "tests/fuzz/test_api.py",
    "customers.reading.read_by_number": "tests/fuzz/test_api.py",
    "customers.contacts.read_contacts": "what parse_phone and parse_email have answered",
}


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_answers_or_refuses(name: str, reached: Reached) -> None:
    parser = PARSERS[name]
    tried = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        print_blob=True,  # what reproduces a failure
        suppress_health_check=list(HealthCheck),
    )
    @given(altered(parser.valid))
    def attack(text: str) -> None:
        nonlocal tried
        tried += 1
        try:
            read = parser.parse(text)
        except parser.refusals:
            return
        assert parser.holds(text, read), (text, read)

    attack()
    reached("texts made up for parsers", tried)


@pytest.mark.parametrize("name", [name for name, parser in PARSERS.items() if parser.valid])
def test_a_parser_takes_something(name: str) -> None:
    """Otherwise the test above would only see refusals."""
    parser = PARSERS[name]
    taken = 0
    for text in parser.valid:
        try:
            assert parser.holds(text, parser.parse(text)), text
        except parser.refusals:
            continue
        taken += 1
    assert taken


def test_every_parser_is_named_here() -> None:
    known = set(PARSERS) | set(ELSEWHERE)
    assert set(_parsers()) <= known, "Give it a line in PARSERS, with what it refuses with."


def _parsers() -> list[str]:
    root = Path(crm_saas.__file__).parent
    found = []
    for file in root.rglob("*.py"):
        module = ".".join(file.relative_to(root).with_suffix("").parts)
        found += [
            f"{module}.{node.name}"
            for node in ast.parse(file.read_text()).body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _takes_text(node)
        ]
    assert len(found) > 10
    return found


def _takes_text(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = [*node.args.args, *node.args.kwonlyargs]
    kinds = {ast.unparse(a.annotation) for a in arguments if a.annotation}
    return node.name.startswith(PARSER_NAMES) and any(
        word in kind for kind in kinds for word in OUTSIDE
    )


@given(st.integers(-(10**17), 10**17), st.sampled_from(["OMR", "KES", "JPY"]))
def test_money_comes_back(minor: int, currency: str) -> None:
    assert minor_units(money_of(minor, currency)) == minor
