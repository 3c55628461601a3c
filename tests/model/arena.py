"""Two tenants on two servers: one that has a single connection for its requests, one with many."""

import asyncio
import random
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from crm_saas import operator
from crm_saas.app import create_app
from crm_saas.kit.settings import Settings
from factories.comparing import run_jobs_and_compare
from factories.servers import run_server
from model.credentials import PASSWORD, session_of
from model.lane import Call, Hands, Lane, Side, Tally
from model.recount import recount
from model.watched import Watched, stop_watching, watch_checkouts
from model.world import Credential, World, word

POOLS = (1, 8)
_IN_TRANSACTION = """
select count(*) from pg_stat_activity
where datname = current_database() and usename like 'crm\\_%' and state like 'idle in transaction%'
"""


@dataclass
class Arena:
    settings: Settings
    sides: list[Side]
    hands: Hands
    tally: Tally = field(default_factory=Tally)
    failed_after: list[int] = field(default_factory=list)  # steps; the first is the finding
    known: list[World] = field(default_factory=list)

    def look(self) -> list[str]:
        """What requests have left behind, while none is running."""
        found = [fault for side in self.sides for fault in side.watched.look()]
        (count,) = self.hands.owner.execute(_IN_TRANSACTION).fetchone() or (0,)
        return found + ([f"{count} transactions were left open"] if count else [])

    def run_jobs(self) -> None:
        run_jobs_and_compare(self.settings)

    def finish(self, worlds: list[World], tally: Tally) -> None:
        """What the database holds is what the model says, of all that were ever here."""
        self.known += worlds
        self.tally = Tally(*(a + b for a, b in zip(_numbers(self.tally), _numbers(tally),
                                                   strict=True)))  # fmt: skip
        self.recount(worlds)

    def recount(self, worlds: list[World]) -> None:
        for world in worlds:
            recount(self.settings, world)


def _numbers(tally: Tally) -> list[int]:
    return [tally.steps, tally.cut, tally.unknown, tally.cancels, tally.unavailable]


@contextmanager
def open_arena(settings: Settings) -> Iterator[Arena]:
    with ExitStack() as stack:
        sides = []
        for size in POOLS:
            watched = Watched()
            sized = replace(settings, pool_size=size, pool_timeout_seconds=60)
            server = stack.enter_context(
                run_server(sized, application=watched.around(create_app(sized)))
            )
            watched.warm_up()
            sides.append(Side(server, watched))
        watch_checkouts(*(side.watched for side in sides))
        stack.callback(stop_watching, *(side.watched for side in sides))
        owner = settings.owner_url.set(drivername="postgresql")
        urls = owner.render_as_string(hide_password=False), settings.url("crm_app")
        hands = Hands(*(stack.enter_context(psycopg.connect(url, autocommit=True)) for url in urls))
        yield Arena(settings, sides, hands)


def make_worlds(settings: Settings, seed: int) -> list[World]:
    """Two tenants with two teams and three members of staff, one of whom works for both."""
    pick = random.Random(seed)  # noqa: S311 - no secret
    both = f"{secrets.token_hex(6)}@staff.example"
    roles = [("manager", None), ("support", None)]
    return [asyncio.run(_make_world(settings, pick, place, both, roles[place])) for place in (0, 1)]


async def _make_world(
    settings: Settings, pick: random.Random, place: int, both: str, role: tuple[str, str | None]
) -> World:
    mark = ("Zq", "Xw")[place] + word(pick)
    slug, prefix = f"t-{secrets.token_hex(5)}", f"{mark[:6].upper()}-"
    tenant = await operator.create_tenant(
        settings, slug=slug, name=f"{mark} tenant", number_prefix=prefix
    )
    world = World(str(tenant.id), slug, prefix, mark, ("+96892", "+96895")[place])
    owner = await operator.create_key(settings, tenant=slug, role="owner", name=f"{mark} owner")
    world.credentials.append(Credential(str(owner.id), owner.key, "owner", keeps=True))
    people = [("sales_manager", "Reds"), ("support", "Blues"), role]
    for number, (of, team) in enumerate(people):
        shared = number == 2
        email = both if shared else f"{secrets.token_hex(6)}@staff.example"
        member = await operator.add_staff(
            settings,
            tenant=slug,
            email=email,
            name=both if shared else f"{mark} {of}",
            role=of,
            team=team and f"{mark} {team}",
            password=PASSWORD,
        )
        team_id = member.team_id and str(member.team_id)
        world.members[str(member.id)] = email
        world.teams |= {team_id: team or ""} if team_id else {}
        session = Credential("", "", of, "session", team_id, str(member.id), names_tenant=True)
        world.sessions.append(replace(session, elsewhere=shared))
    world.ids |= {str(tenant.id), str(owner.id), *world.members, *world.teams}
    return world


def hand_out_credentials(lane: Lane) -> None:
    """A key a role, and a session a member."""
    world, owner = lane.world, lane.world.credentials[0]
    teams, members = list(world.teams), list(world.members)
    for role in ("manager", "sales_manager", "support", "pos", "auditor", "publishable"):
        body: dict[str, Any] = {"name": f"{world.mark} {role}", "role": role}
        body |= {"teamId": teams[0]} if role == "sales_manager" else {}
        body |= {"memberId": members[1]} if role == "support" else {}
        call = Call(owner, "POST", "/keys", 201, body=body, may_be_cut=False, stays_home=True)
        answer = lane.perform(call)
        assert answer is not None
        new = Credential(answer.json["id"], answer.json["key"], role, keeps=True)
        new.team, new.member = body.get("teamId"), body.get("memberId")
        world.credentials.append(new)
    for template in world.sessions:
        lane.perform(session_of(lane, template, keeps=True))
