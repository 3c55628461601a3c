"""Imports through the API, worked on by a real queue."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def as_csv(rows: Iterable[Sequence[str]], encoding: str = "utf-8", **options: Any) -> bytes:
    target = io.StringIO()
    csv.writer(target, **options).writerows(rows)
    return target.getvalue().encode(encoding)


def upload(
    api: httpx.Client, content: bytes, media_type: str = "text/csv", **query: str
) -> dict[str, Any]:
    answer = api.post(
        "/imports", content=content, params=query, headers={"Content-Type": media_type}
    )
    assert answer.status_code == 201, answer.text
    uploaded: dict[str, Any] = answer.json()
    return uploaded


@dataclass
class Importing:
    """One import, and the queue that works on it."""

    api: httpx.Client
    run_jobs: Callable[[], None]
    id: str

    def start(self, how: str, **plan: Any) -> None:
        answer = self.api.post(f"/imports/{self.id}/{how}", json=plan)
        assert answer.status_code == 202, answer.text

    def dry_run(self, **plan: Any) -> dict[str, Any]:
        self.start("dry-run", **plan)
        self.run_jobs()
        return self.state

    def run(self, **plan: Any) -> dict[str, Any]:
        self.start("run", **plan)
        self.run_jobs()
        return self.state

    def revert(self) -> dict[str, Any]:
        answer = self.api.post(f"/imports/{self.id}/revert")
        assert answer.status_code == 202, answer.text
        self.run_jobs()
        return self.state

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get(f"/imports/{self.id}").json()
        return found

    @property
    def counts(self) -> dict[str, int]:
        counted: dict[str, int] = self.state["progress"]["counts"]
        return counted

    def rows(self, outcome: str | None = None) -> list[dict[str, Any]]:
        query = {"limit": 200} | ({"outcome": outcome} if outcome else {})
        answer = self.api.get(f"/imports/{self.id}/rows", params=query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def result(self) -> list[list[str]]:
        answer = self.api.get(f"/imports/{self.id}/result")
        assert answer.status_code == 200, answer.text
        return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


Begin = Callable[[Any], Importing]
