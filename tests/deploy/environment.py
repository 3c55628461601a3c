"""Which environment variables Settings reads: asked of it, so that the answer cannot be stale."""

from collections.abc import Mapping

from crm_saas.kit.settings import Settings


class Recorder(dict[str, str]):
    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> str:
        self.asked.add(key)
        return super().__getitem__(key)


# What the library behind kit/files.py reads itself.
STORE_VARIABLES = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL"}


def known_variables() -> set[str]:
    recorder = Recorder({})
    Settings.from_environment(recorder)
    return recorder.asked
