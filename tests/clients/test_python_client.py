"""The Python client that is generated from the document: it compiles and makes a round trip."""

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from factories.customers import new_phone
from factories.tenants import TestTenant

ROOT = Path(__file__).resolve().parents[2]
NAME = "crm_saas_client"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("client")
    subprocess.run([sys.executable, ROOT / "clients/python/generate.py", folder], check=True)
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(NAME)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
            del sys.modules[name]


def test_every_module_imports(client: ModuleType) -> None:
    names = [module.name for module in pkgutil.walk_packages(client.__path__, f"{NAME}.")]

    for name in names:
        importlib.import_module(name)

    assert len([name for name in names if ".api." in name]) > 30


def test_round_trip(client: ModuleType, tenant: TestTenant) -> None:
    create = importlib.import_module(f"{NAME}.api.customers.create_customer")
    read = importlib.import_module(f"{NAME}.api.customers.read_customer")
    models = importlib.import_module(f"{NAME}.models")
    api = client.AuthenticatedClient(base_url=tenant.server.url, token=tenant.key("pos"))
    body = models.CreateCustomer(
        type_=models.CreateCustomerType.STUB, name="Amal Al Balushi", phone=new_phone()
    )

    with api:
        created = create.sync_detailed(client=api, body=body, idempotency_key="round-trip")
        again = create.sync_detailed(client=api, body=body, idempotency_key="round-trip")
        refused = create.sync_detailed(client=api, body=body)
        found = read.sync(client=api, customer_id=created.parsed.id)

    assert created.status_code == 201
    assert again.parsed == created.parsed
    assert found == created.parsed
    assert refused.status_code == 409
    assert refused.parsed.type_.endswith("/phone-taken")
