"""One tenant's clients, one request after another: each answer is compared with the model.

Lanes of both tenants run at the same time over the same servers. A tenant's own model stays exact,
since nobody else changes its tenant; what lanes share are connections, locks, counters and jobs.
"""

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from model.calls import Call, Hands, Mismatch, Side, Tally
from model.wire import Answer, Request, Wire, answered_within, read_answer, request
from model.world import Json, World

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PHONE = re.compile(r"\+968\d{8}")
# Recorded at every tenant where that person works, under the session's one id.
SIGN_IN = re.compile(r'"subjectTable":"sys_staff_sessions","subjectId":"[^"]*"')
RETRIES_MAX = 200
TRACE_LINES = 40
CUT_SHARE = 0.12
CUTS = ("head", "body", "sent", "answer", "task", "statement")
DELAY_SECONDS_MAX = 0.03


class Lane:
    def __init__(self, world: World, other: World, sides: list[Side], hands: Hands) -> None:
        self.world, self.other, self.sides, self.hands = world, other, sides, hands
        self.tally = Tally()
        self.failed = False
        self.trace: list[str] = []
        self.pick = random.Random(0)  # noqa: S311 - no secret
        self._wires = [Wire(side.server) for side in sides]
        self._side = 0
        self._count = 0

    def run(self, make: Callable[["Lane"], Call], seed: int) -> None:
        """One step; what it does follows from the seed and from how many came before."""
        self._count += 1
        self.pick = random.Random(f"{seed} {self._count}")  # noqa: S311
        self._side = self.pick.randrange(len(self.sides))
        try:
            call = make(self)
            self.tally.steps += 1
            self.perform(call)
        except Exception as error:
            self.failed = True
            error.add_note("\n".join(self.trace[-TRACE_LINES:]))
            raise

    def close(self) -> None:
        for wire in self._wires:
            wire.close()

    def perform(self, call: Call) -> Answer | None:
        """Sends it, perhaps leaving in the middle, and compares. None: nobody saw an answer."""
        self._expect_refusal(call)
        cut = self._how_to_cut(call)
        if call.method == "POST" and call.keyed and (cut or self.pick.random() < 0.2):
            call.headers.setdefault("Idempotency-Key", f"{self.world.mark}-{self._count}")
        sent = self._request(call)
        self.trace.append(
            f"{self.world.mark} {call.who.role} {call.method} {sent.path} "
            f"{sent.body.decode()[:300]} side={self._side} cut={cut} expects {call.status}"
        )
        answer = self._cut(sent, cut) if cut else self._send(sent)
        if answer is None or answer.status in {500, 503} or _cut_rows(answer):
            answer = self._find_out(call, sent, answer, cut)
        else:
            self._compare(call, sent, answer)
        return answer

    def _expect_refusal(self, call: Call) -> None:
        """The refusals that every route has, in the order in which they come."""
        foreign = self.pick.random() < 0.02 and not (call.stays_home or call.who.elsewhere)
        named = self.other.slug if foreign else self.world.slug
        if foreign or call.who.names_tenant:
            call.headers["X-Tenant"] = named
        refusal = (
            401
            if call.who.ended
            else 403
            if foreign or (call.permission and not call.who.may(call.permission))
            else None
        )
        if refusal is not None:
            call.status = refusal
            call.check = call.apply = lambda _: None

    def _how_to_cut(self, call: Call) -> str | None:
        if not call.may_be_cut or self.pick.random() >= CUT_SHARE:
            return None
        return self.pick.choice(CUTS)

    def _request(self, call: Call) -> Request:
        return request(
            call.method,
            call.path,
            token=call.who.token,
            request_id=self._new_id(call.who.elsewhere and call.path == "/auth/login"),
            query=call.query,
            body=call.body,
            headers=call.headers,
        )

    def _send(self, sent: Request) -> Answer:
        return self._wires[self._side].send(sent)

    def _cut(self, sent: Request, cut: str) -> Answer | None:
        """The answer, where the client saw one in spite of it all."""
        self.tally.cut += 1
        watched, request_id = self.sides[self._side].watched, sent.headers["X-Request-Id"]
        delay = self.pick.random() ** 2 * DELAY_SECONDS_MAX
        with self._wires[self._side].open() as connection:
            if cut == "head":
                connection.sendall(sent.head[: self.pick.randrange(1, len(sent.head))])
                return None
            half = self.pick.randrange(len(sent.body)) if cut == "body" and sent.body else None
            connection.sendall(sent.head + sent.body[:half])
            answered_within(connection, delay)
            if cut == "answer":
                connection.recv(self.pick.randrange(1, 60))
            elif cut == "task":
                watched.cancel(request_id)
            elif cut == "statement":
                self._cancel_statement(watched.backend(request_id))
            answer = read_answer(connection) if cut in {"task", "statement"} else None
        watched.wait_for(request_id)
        return answer

    def _cancel_statement(self, backend: int | None) -> None:
        if backend is not None:
            self.tally.cancels += 1
            self.hands.app.execute("select pg_cancel_backend(%s)", [backend])

    def _find_out(
        self, call: Call, sent: Request, answer: Answer | None, cut: str | None
    ) -> Answer | None:
        """Whether it took place: by its key, or by what is there now."""
        self.tally.unknown += 1
        if answer is not None:
            self._excuse(answer, cut)
        if call.method in {"GET", "POST"}:
            return self._again(call, sent)
        if self._took_place(sent):
            call.apply(None)
        else:
            again = self._again(call, sent)
            assert again is not None
        if call.subject is not None:
            self._read_back(call)
        return None

    def _again(self, call: Call, sent: Request) -> Answer:
        """The same request until it is answered: with its key it has its effect once."""
        for _ in range(RETRIES_MAX):
            headers = sent.headers | {"X-Request-Id": self._new_id()}
            repeated = Request(sent.method, sent.path, headers, sent.body)
            answer = self._send(repeated)
            if answer.status == 503 or _cut_rows(answer):
                self._excuse(answer, None)
            elif "idempotency-key-in-flight" not in answer.text:
                self._compare(call, repeated, answer)
                return answer
        raise Mismatch(f"{call.method} {call.path} was never answered")

    def _new_id(self, elsewhere: bool = False) -> str:
        """A sign-in is recorded at every tenant where that person works."""
        return f"{'shared' if elsewhere else self.world.mark}-{self.pick.getrandbits(60):x}"

    def _excuse(self, answer: Answer, cut: str | None) -> None:
        """Only who was cancelled by us may answer 500; 503 is for cancelled statements."""
        if answer.status == 500 and cut != "task":
            raise Mismatch(f"500: {answer.text}")
        self.tally.unavailable += answer.status == 503

    def _took_place(self, sent: Request) -> bool:
        """Every effect has its record, under the id of its request, in one transaction."""
        owner = self.world.credentials[0]
        asked = request(
            "GET", "/audit", token=owner.token, query={"limit": 20},
            request_id=self._new_id(),
        )  # fmt: skip
        for _ in range(RETRIES_MAX):
            answer = self._send(asked)
            if answer.status != 503:
                break
        events = answer.json["items"]
        return any(e["requestId"] == sent.headers["X-Request-Id"] for e in events)

    def _read_back(self, call: Call) -> None:
        """As the same principal, where it may read."""
        assert call.subject is not None
        world = self.world
        who = call.who if call.who.may("customers:read") else world.credentials[0]
        found = world.find(who, call.subject)
        if who.ended:
            return
        headers = {"X-Tenant": world.slug} if who.names_tenant else {}
        read = Call(who, "GET", f"/customers/{call.subject}", 200 if found else 404)
        sent = request(
            "GET", read.path, token=who.token, headers=headers,
            request_id=self._new_id(),
        )  # fmt: skip
        if found is not None:
            read.check = lambda answer: self.same(answer, world.view(who, found))
        self._again(read, sent)

    def _compare(self, call: Call, sent: Request, answer: Answer) -> None:
        if answer.status not in {call.status, call.or_status}:
            raise Mismatch(f"{answer.status}, and not {call.status}: {answer.text[:1000]}")
        self._refuse_foreign(call, sent, answer)
        call.check(answer)
        call.apply(answer)
        if answer.status < 300:
            self.world.ids.update(UUID.findall(answer.text))

    def _refuse_foreign(self, call: Call, sent: Request, answer: Answer) -> None:
        """Nothing of the other tenant, but for what this very request has named."""
        seen = SIGN_IN.sub("", answer.text) + json.dumps(answer.headers)
        marks = [m for m in self.other.marks if m in seen and m not in sent.text]
        ids = (set(UUID.findall(seen)) & self.other.ids) - set(UUID.findall(sent.text))
        ids -= self.world.ids
        if call.who.elsewhere and call.path == "/auth/login":  # which tells where one works
            marks, ids = [m for m in marks if m != self.other.slug], set()
        if marks or ids:
            raise Mismatch(f"foreign: {marks} {ids} in {answer.text[:1000]}")

        whole = call.who.may("customers:unmask")
        if not whole and (PHONE.search(answer.text) and not PHONE.search(sent.text)):
            raise Mismatch(f"a whole phone for {call.who.role}: {answer.text[:1000]}")

    def page(self, call: Call, cursor: str) -> Any:
        """The next page of a list that was read."""
        query = (call.query or {}) | {"cursor": cursor}
        following = replace(call, query=query, check=lambda _: None)
        return self._again(following, self._request(following)).json

    def same(self, answer: Answer, wanted: Json, shown: Json | None = None) -> None:
        """The answer's object holds what the model says."""
        shown = answer.json if shown is None else shown
        wrong = {k: (shown.get(k), v) for k, v in wanted.items() if shown.get(k) != v}
        if wrong:
            raise Mismatch(f"shown and expected differ: {wrong}")


def _cut_rows(answer: Answer) -> bool:
    """A batch of which a row was cut off is sent again."""
    return answer.status == 200 and '"type":"https://crm-saas.dev/problems/unavailable"' in (
        answer.text
    )
