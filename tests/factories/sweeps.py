"""Sweeps for duplicates through the API, and customers that they find."""

from collections.abc import Callable
from typing import Any

import httpx

from crm_saas.kit.db import Database
from crm_saas.kit.settings import Settings
from crm_saas.merges import tasks
from crm_saas.merges.sweeps import JOB
from crm_saas.tenancy.registry import job_context
from factories.customers import create_stub
from factories.database import as_role
from factories.tenants import TestTenant

RunJobs = Callable[[], None]

PHONE, OTHER_PHONE = "+96894817365", "+96897153628"
ALIKE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"name": "Zainab Al Lawati", "phone": PHONE},
        {"name": "Zainab Al Lawati", "phone": "+96894819365"},
    ),
    (
        {"name": "Badr Al Kharusi", "phone": OTHER_PHONE},
        {"name": "Badr Al Kharusi", "phone": "+96897156328"},
    ),
    (
        {"name": "Huda Al Shibli", "dateOfBirth": "1990-03-04"},
        {"name": "Shibli Huda", "dateOfBirth": "1990-04-03"},
    ),
    (
        {"name": "Jokha Baomar", "email": "jokha.baomar77@example.com"},
        {"name": "Jokha Baomar", "email": "jokha.baomar77@example.org"},
    ),
    (
        {"name": "Qais Al Toobi", "email": "qais.toobi@example.com"},
        {"name": "Qais Al Toobi", "email": "qaistoobi@example.com"},
    ),
    ({"name": "Khalid Al Maamari"}, {"name": "خالد المعمري"}),
    (
        {"name": "Thomas Sharma", "phone": "+96895112233"},
        {"name": "Tohmas Shamra", "phone": "+96895112243"},
    ),
]


def make_pairs(api: httpx.Client) -> list[set[str]]:
    """By each kind of key one pair, and nobody else."""
    return [{create_stub(api, **one)["id"], create_stub(api, **two)["id"]} for one, two in ALIKE]


def start_sweep(api: httpx.Client) -> dict[str, Any]:
    answer = api.post("/duplicates/sweeps")
    assert answer.status_code == 202, answer.text
    started: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api/v1/duplicates/sweeps/{started['id']}"
    return started


def read_sweep(api: httpx.Client, sweep: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/duplicates/sweeps/{sweep['id']}").json()
    return found


def suggested(api: httpx.Client, **query: Any) -> list[set[str]]:
    items = api.get("/duplicates", params=query).json()["items"]
    return [{customer["id"] for customer in item["customers"]} for item in items]


def forget_changes(settings: Settings) -> None:
    """As if the customers had come before anything was compared."""
    with as_role(settings) as connection:
        connection.execute("delete from org_customers_to_compare")


async def take_step(settings: Settings, tenant: TestTenant) -> None:
    database = Database(settings)
    async with job_context(database, tenant.id, JOB) as context:
        await tasks.sweep(context)
    await database.close()
