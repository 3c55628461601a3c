"""`crm-saas jobs`: what failed for good is seen, put back or removed."""

import json
from collections.abc import Callable, Iterator, Sequence

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.engine import make_url

from crm_saas.cli import cli
from crm_saas.kit.errors import Conflict, NotFound
from crm_saas.kit.settings import Settings

TENANT = "01890000-0000-7000-8000-000000000001"
Park = Callable[..., int]


@pytest.fixture
def park(settings: Settings) -> Iterator[Park]:
    """Puts a job there as a worker leaves it that gave it up."""
    url = make_url(settings.database_url).set(drivername="postgresql")
    with psycopg.connect(
        url.render_as_string(hide_password=False),
        autocommit=True,
        options="-c search_path=jobs,pg_temp",
    ) as owner:

        def park(
            name: str = "greetings.send",
            *,
            queueing_lock: str | None = None,
            lives: Sequence[str] = ("doing", "failed"),
        ) -> int:
            arguments = json.dumps({"tenant_id": TENANT, "customer_id": "c-1"})
            found = owner.execute(
                "insert into procrastinate_jobs"
                " (queue_name, task_name, args, queueing_lock, attempts)"
                " values ('greetings', %s, %s, %s, 7) returning id",
                [name, arguments, queueing_lock],
            ).fetchone()
            assert found is not None
            for status in lives:
                owner.execute(
                    "update procrastinate_jobs set status = %s where id = %s", [status, found[0]]
                )
            return int(found[0])

        yield park


@pytest.fixture
def crm(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    return lambda *words: CliRunner().invoke(cli, ["jobs", *map(str, words)])


def state(settings: Settings, job_id: int) -> tuple[str, int] | None:
    with psycopg.connect(settings.url("crm_worker")) as worker:
        return worker.execute(
            "select status::text, attempts from jobs.procrastinate_jobs where id = %s", [job_id]
        ).fetchone()


def test_parked_jobs_are_listed_and_others_are_not(crm: Callable[..., Result], park: Park) -> None:
    assert crm("list").output == "No job is parked.\n"
    park(lives=())
    older, newer = park(), park("greetings.wave")
    listed = json.loads(crm("list", "--json").output)
    assert [(job["id"], job["name"], job["attempts"]) for job in listed] == [
        (newer, "greetings.wave", 7),
        (older, "greetings.send", 7),
    ]
    assert TENANT in crm("list").output


def test_a_parked_job_is_shown_with_its_history(crm: Callable[..., Result], park: Park) -> None:
    job_id = park()
    plain, found = crm("show", job_id), json.loads(crm("show", job_id, "--json").output)
    assert "customer_id: c-1" in plain.output
    assert found["job"]["arguments"] == {"tenant_id": TENANT, "customer_id": "c-1"}
    assert [entry["what"] for entry in found["history"]] == ["deferred", "started", "failed"]


def test_a_retried_job_has_all_of_its_tries_again(
    crm: Callable[..., Result], park: Park, settings: Settings
) -> None:
    one, two = park(), park()
    answer = crm("retry", one, two)
    assert answer.output.splitlines()[0] == f"Job {one} (greetings.send) waits for a worker again."
    assert state(settings, one) == state(settings, two) == ("todo", 0)


def test_a_removed_job_is_gone(crm: Callable[..., Result], park: Park, settings: Settings) -> None:
    job_id = park()
    assert crm("remove", job_id).exit_code == 0
    assert state(settings, job_id) is None


@pytest.mark.parametrize("verb", ["show", "retry", "remove"])
def test_what_is_not_parked_is_left_alone(
    crm: Callable[..., Result], park: Park, settings: Settings, verb: str
) -> None:
    job_id = park(lives=())
    error = crm(verb, job_id).exception
    assert isinstance(error, NotFound)
    assert f"No job {job_id} is parked" in error.detail
    assert state(settings, job_id) == ("todo", 7)


def test_a_job_of_which_another_waits_is_not_put_beside_it(
    crm: Callable[..., Result], park: Park, settings: Settings
) -> None:
    job_id = park(queueing_lock="greetings.all")
    park(queueing_lock="greetings.all", lives=())
    error = crm("retry", job_id).exception
    assert isinstance(error, Conflict)
    assert f"crm-saas jobs remove {job_id}" in error.detail
    assert state(settings, job_id) == ("failed", 7)
