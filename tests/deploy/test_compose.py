import fnmatch
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from crm_saas.kit.deployment import compose_environment
from crm_saas.kit.pgbouncer import userlist
from crm_saas.kit.settings import Settings, SettingsError
from deploy.environment import known_variables

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
VARIABLE = re.compile(r"\$\{(\w+)(?::?[-?]([^}]*))?\}")
# Of the compose file alone.
ITS_OWN = {"CRM_VERSION", "CRM_LISTEN"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


def filled(environment: dict[str, str], values: dict[str, str]) -> dict[str, str]:
    """What `docker compose` gives to the container."""
    return {
        name: VARIABLE.sub(lambda m: values.get(m[1]) or _default(m), text)
        for name, text in environment.items()
    }


def _default(match: re.Match[str]) -> str:
    return (match[2] or "") if ":-" in match[0] else ""


def test_services(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services.keys() == {"postgres", "pgbouncer", "migrate", "api", "worker"}
    for name in ("api", "worker"):
        migrated = services[name]["depends_on"]["migrate"]
        assert migrated == {"condition": "service_completed_successfully"}
    for name in services.keys() - {"postgres"}:
        assert services[name]["read_only"] and services[name]["cap_drop"] == ["ALL"], name


def test_files_lie_on_a_disk_while_they_are_worked_on(compose: dict[str, Any]) -> None:
    """A tmpfs is memory: two uploads would be half a gigabyte of it."""
    scratch = {}
    for name in ("api", "worker"):
        service = compose["services"][name]
        assert service["tmpfs"] == [], name
        [volume] = [v for v in service["volumes"] if v.endswith(":/tmp")]
        scratch[name] = volume.partition(":")[0]
    assert set(scratch.values()) <= compose["volumes"].keys()
    assert scratch["api"] != scratch["worker"]


def test_variables_are_ones_that_settings_read(compose: dict[str, Any]) -> None:
    known = known_variables()
    for name in ("migrate", "api", "worker"):
        unknown = compose["services"][name]["environment"].keys() - known
        assert not unknown, f"{name}: {unknown}"
    given = known | compose_environment().keys() | ITS_OWN
    used = {match[1] for match in VARIABLE.finditer((DEPLOY / "compose.yaml").read_text())}
    assert used <= given
    assert compose_environment().keys() <= used


def test_secrets_have_no_default(compose: dict[str, Any]) -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    for name in compose_environment():
        assert f"${{{name}:?" in text, name
        assert f"${{{name}:-" not in text, name


def test_each_process_gets_its_own_roles_and_no_other(compose: dict[str, Any]) -> None:
    values = compose_environment()
    services = {
        name: Settings.from_environment(filled(compose["services"][name]["environment"], values))
        for name in ("migrate", "api", "worker")
    }
    owner = services["migrate"]
    for name, host in (("api", "pgbouncer:6432"), ("worker", "postgres:5432")):
        settings = services[name]
        with pytest.raises(SettingsError):
            _ = settings.owner_url
        roles = {"crm_app"} if name == "api" else {"crm_app", "crm_platform", "crm_worker"}
        assert settings.role_urls.keys() == roles
        for role in roles:
            expected = owner.url(role).replace("postgres:5432", host)  # type: ignore[arg-type]
            assert settings.role_urls[role] == expected  # type: ignore[index]


def test_userlist_is_the_one_of_the_command(compose: dict[str, Any]) -> None:
    values = compose_environment()
    content = filled({"userlist": compose["configs"]["userlist"]["content"]}, values)["userlist"]
    owner = f"postgresql://crm_owner:{values['CRM_OWNER_PASSWORD']}@postgres/crm"
    assert content == userlist(Settings(database_url=owner))


def test_files_that_it_mounts_and_builds_exist(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            if volume.startswith("."):
                assert (DEPLOY / volume.partition(":")[0]).is_file(), volume
        if build := service.get("build"):
            assert (DEPLOY / build["context"] / build["dockerfile"]).is_file(), build


@pytest.mark.parametrize("name", ["Dockerfile", "pgbouncer.Dockerfile"])
def test_images_run_as_a_user_by_number(name: str) -> None:
    users = re.findall(r"^USER (\S+)$", (DEPLOY / name).read_text(), re.MULTILINE)
    assert users and re.fullmatch(r"[1-9]\d+:[1-9]\d+", users[-1])


def test_dockerfile_copies_what_exists_and_what_the_context_holds() -> None:
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE
    )
    sources = [source.removeprefix("./") for line in copied for source in line.split()]
    assert {"src", "sql", "migrations", "uv.lock"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) for pattern in allowed), source


def _has_compose() -> bool:
    docker = shutil.which("docker")
    return (
        docker is not None
        and not subprocess.run([docker, "compose", "version"], capture_output=True).returncode
    )


@pytest.mark.skipif(not _has_compose(), reason="`docker compose` is not installed")
def test_docker_compose_accepts_it() -> None:
    command = ["docker", "compose", "--file", str(DEPLOY / "compose.yaml"), "config", "--quiet"]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **compose_environment()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
