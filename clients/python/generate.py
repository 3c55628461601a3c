"""Generates the Python client: `python clients/python/generate.py FOLDER`."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent


def generate(folder: Path) -> None:
    """Puts the package `crm_saas_client` into `folder`. Raises when anything had to be left out."""
    folder.mkdir(parents=True, exist_ok=True)
    document = folder / "openapi.json"
    with document.open("wb") as file:
        subprocess.run([BIN / "crm-saas", "openapi"], check=True, stdout=file)  # noqa: S603
    subprocess.run(  # noqa: S603
        [
            BIN / "openapi-python-client", "generate",
            "--path", document,
            "--output-path", folder / "crm_saas_client",
            "--config", HERE / "config.yaml",
            "--meta", "none",
            "--overwrite",
            "--fail-on-warning",
        ],
        check=True,
    )  # fmt: skip


if __name__ == "__main__":
    generate(Path(sys.argv[1]))
