"""Alert rules and dashboard ask for what the processes count, and in words that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from crm_saas.app import create_litestar
from crm_saas.kit.settings import Settings
from crm_saas.kit.telemetry import metrics
from crm_saas.otp.senders import Outcome

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
SCRAPE = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
PAGE = Path(__file__).parents[2] / "docs" / "operations.md"

ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
QUERIES = {rule["alert"]: rule["expr"] for rule in ALERTS} | {
    f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "1m")
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}
# Given by the scrape, not by us.
SCRAPED_LABELS = {"job", "component", "pod"}


def exported() -> dict[str, set[str]]:
    """Each series with its labels, as a scrape shows them."""
    found: dict[str, set[str]] = {"up": set()}
    for collector in set(metrics.REGISTRY._collector_to_names):
        labels = set(collector._labelnames)  # type: ignore[attr-defined]
        (family,) = collector.describe()
        endings = {
            "counter": ("_total",),
            "histogram": ("_bucket", "_sum", "_count"),
            "gauge": ("",),
        }[family.type]
        for ending in endings:
            found[family.name + ending] = labels | ({"le"} if ending == "_bucket" else set())
    return found


def selectors(expression: Any) -> Iterator[Any]:
    """The vector selectors of a parsed query."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
        return
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        part = getattr(expression, name, None)
        if part is not None and not isinstance(part, (str, float)):
            yield from selectors(part)
    for part in getattr(expression, "args", None) or ():
        yield from selectors(part)


def test_there_is_something_to_check() -> None:
    assert len(ALERTS) > 10
    assert len(QUERIES) > 25


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_for_what_is_exported(name: str) -> None:
    found = list(selectors(promql_parser.parse(QUERIES[name])))
    assert found
    known = exported()
    for selector in found:
        assert selector.name in known, f"{name} asks for {selector.name}, which nobody exports"
        named = {matcher.name for matcher in selector.matchers.matchers}
        assert named <= known[selector.name] | SCRAPED_LABELS, name


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_groups_by_labels_that_exist(name: str) -> None:
    query = QUERIES[name]
    known = exported()
    labels = {
        label for s in selectors(promql_parser.parse(query)) for label in known[s.name]
    } | SCRAPED_LABELS
    grouped = {
        label.strip()
        for group in re.findall(r"by \(([^)]*)\)", query)
        for label in group.split(",")
    }
    assert grouped <= labels


def test_every_metric_is_looked_at() -> None:
    asked = {s.name for query in QUERIES.values() for s in selectors(promql_parser.parse(query))}
    stems = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in asked}
    families = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in exported()}
    assert families - stems == set()


def test_values_in_the_queries_are_ones_that_occur() -> None:
    text = "\n".join(QUERIES.values())
    assert set(re.findall(r'outcome!?="(\w+)"', text)) <= {o.value for o in Outcome}
    assert set(re.findall(r'queue="(\w+)"', text)) <= {"otp"}
    paths = {
        route.path_format
        for route in create_litestar(Settings(role_urls={"crm_app": "postgresql://"})).routes
    }
    assert any(re.fullmatch(r".*/export", path) for path in paths)


def test_alerts_say_what_they_are_and_the_page_what_to_do() -> None:
    page = PAGE.read_text()
    for rule in ALERTS:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert re.search(rf"\b{rule['alert']}\b", page), (
            f"docs/operations.md does not name {rule['alert']}"
        )


def test_prometheus_reads_the_rules_with_the_token() -> None:
    (scrape,) = SCRAPE["scrape_configs"]
    assert scrape["authorization"]["credentials_file"]
    assert SCRAPE["rule_files"] == ["alerts.yaml"]
    kept = scrape["relabel_configs"][0]
    assert kept["source_labels"] == ["__meta_kubernetes_pod_annotation_prometheus_io_scrape"]
