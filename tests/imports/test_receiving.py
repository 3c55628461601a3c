"""An upload and its import: both or none."""

from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from factories.customers import new_phone
from factories.imports import as_csv, upload
from factories.servers import Server
from factories.tenants import make_tenant

REFUSED_AT_COMMIT = """
create function refuse() returns trigger language plpgsql as $$
begin
    raise exception 'at the commit';
end
$$;
create constraint trigger refused
after insert on org_imports
deferrable initially deferred
for each row
when (new.filename = 'refused.csv')
execute function refuse()
"""


def test_what_cannot_be_committed_leaves_no_file(
    fresh_server: Server, owner_connection: psycopg.Connection
) -> None:
    owner_connection.execute(REFUSED_AT_COMMIT)
    content = as_csv([["Name", "Phone"], ["Amal", new_phone()]])
    with make_tenant(fresh_server) as tenant:
        client = tenant.client("owner")
        kept = upload(client, content)
        answer = client.post("/imports?filename=refused.csv", content=content)
        assert answer.status_code >= 500
        assert [item["id"] for item in client.get("/imports").json()["items"]] == [kept["id"]]
        folder = Path(urlsplit(fresh_server.settings.files_url).path)
        files = [path for path in folder.glob(f"{tenant.id}/*/*") if path.is_file()]
        assert [path.name for path in files] == [kept["id"]]
