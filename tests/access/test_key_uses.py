"""When a key was last used shows, without a write on each request."""

from crm_saas.kit.settings import Settings
from factories.servers import run_server
from factories.tenants import make_tenant


def test_the_last_use_is_written_when_the_process_stops(settings: Settings) -> None:
    with run_server(settings) as server, make_tenant(server) as tenant:
        used, unused = tenant.key("pos"), tenant.key("pos")
        with server.client(used) as till:
            assert till.get("/customers").status_code == 200
        owner_key = tenant.key()
    with run_server(settings) as server, server.client(owner_key) as owner:
        shown = {key["hint"]: key["lastUsedAt"] for key in owner.get("/keys").json()["items"]}
    assert shown[_hint(unused)] is None
    assert shown[_hint(used)] is not None


def _hint(key: str) -> str:
    return f"{key[:7]}…{key[-4:]}"
