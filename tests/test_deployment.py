"""What deploy/ says is so: its options, addresses, metrics and limits are those of the server."""

import asyncio
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer.main
import yaml
from bundles import by_id
from sources import ROOT

from turret.cli.app import app
from turret.serving.app import application
from turret.serving.logs import Log
from turret.serving.metrics import Metrics
from turret.serving.service import Service
from turret.serving.settings import Limits, Settings
from turret.serving.tokens import READ

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
NGINX = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
KUBERNETES = (DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
OBJECTS: dict[str, Any] = {one["kind"]: one for one in yaml.safe_load_all(KUBERNETES)}
POD = OBJECTS["Deployment"]["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
ADAPTED = "turret_recommend_seconds"


def seconds(directive: str) -> float:
    """The only value of a directive of nginx that is a time."""
    (found,) = set(re.findall(rf"^\s*{directive}\s+(\d+)s;", NGINX, flags=re.MULTILINE))
    return float(found)


def entrypoint() -> list[str]:
    (found,) = re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, flags=re.MULTILINE)
    return json.loads(found)


def test_every_option_is_one_of_the_command() -> None:
    group = typer.main.get_command(app)
    serve = getattr(group, "commands")["serve"]  # noqa: B009  # not among the types Typer shows
    options = {name for parameter in serve.params for name in parameter.opts}
    named = [word for word in [*entrypoint(), *CONTAINER["args"]] if word.startswith("--")]
    named += re.findall(r"(?<!-)--[a-z][a-z-]+", NGINX) + re.findall(r"`(--[a-z][a-z-]+)", PAGE)
    assert set(named) <= options


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_addresses_that_are_named_are_there(path: str, tmp_path: Path) -> None:
    service = Service(by_id().save(tmp_path / "bundle"), Settings(), Log())

    async def status() -> int:
        transport = httpx.ASGITransport(application(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return (await client.get(path)).status_code

    assert asyncio.run(status()) in (200, 503)


def test_probes_and_the_check_of_the_image_ask_for_these() -> None:
    probes = {
        name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")
    }
    ready, alive = {"path": "/readyz", "port": "http"}, {"path": "/healthz", "port": "http"}
    assert probes == {"startup": ready, "readiness": ready, "liveness": alive}
    (check,) = re.findall(r"^HEALTHCHECK .*?\n +CMD (.*)$", DOCKERFILE, flags=re.MULTILINE)
    assert f"http://127.0.0.1:{Settings().port}/healthz" in json.loads(check)[2]
    assert "location = /metrics" in NGINX


def test_the_port_is_one_everywhere() -> None:
    port = Settings().port
    assert f"\nEXPOSE {port}\n" in DOCKERFILE and f"server 127.0.0.1:{port}" in NGINX
    assert CONTAINER["ports"] == [{"name": "http", "containerPort": port}]
    assert OBJECTS["Service"]["spec"]["ports"][0]["targetPort"] == "http"


def test_metrics_that_are_named_are_counted() -> None:
    metrics = Metrics()
    metrics.request("recommend", 200, 0.1)
    metrics.serves("1", number=1, candidates=1)
    text = metrics.text(waiting=0, candidates=1).decode()
    counted = set(re.findall(r"^(turret_\w+)", text, flags=re.MULTILINE))
    counted |= set(re.findall(r"^# TYPE (turret_\w+)", text, flags=re.MULTILINE))
    assert set(re.findall(r"\bturret_[a-z_]+", KUBERNETES + NGINX + PAGE)) <= counted | {ADAPTED}
    (scaling,) = OBJECTS["HorizontalPodAutoscaler"]["spec"]["metrics"]
    (rule,) = yaml.safe_load(OBJECTS["ConfigMap"]["data"]["config.yaml"])["rules"]
    assert scaling["pods"]["metric"]["name"] == rule["name"]["as"] == ADAPTED


def test_the_proxy_has_the_limits_of_the_server() -> None:
    assert "client_max_body_size    1m;" in NGINX and Limits().max_body == 1024**2
    for directive in ("client_header_timeout", "client_body_timeout", "send_timeout"):
        assert seconds(directive) == Settings().client_timeout
    assert seconds("proxy_read_timeout") > Limits().timeout


def test_a_pod_has_time_to_drain() -> None:
    drain = float(CONTAINER["args"][CONTAINER["args"].index("--drain") + 1])
    word, pause = CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
    assert word == "sleep"
    assert POD["terminationGracePeriodSeconds"] > drain + float(pause)


def test_nothing_runs_as_root_or_writes_but_to_scratch() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, flags=re.MULTILINE)
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert str(POD["securityContext"]["runAsUser"]) == user != "0"
    context = CONTAINER["securityContext"]
    assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
    mounts = {one["mountPath"]: one for one in CONTAINER["volumeMounts"]}
    assert mounts["/models"]["readOnly"] and mounts.keys() == {"/models", "/tmp"}
    volumes = {one["name"]: one for one in POD["volumes"]}
    assert "emptyDir" in volumes[mounts["/tmp"]["name"]]
    assert "XDG_CACHE_HOME=/tmp/" in DOCKERFILE
    (variable,) = CONTAINER["env"]
    assert variable["name"] == READ and "secretKeyRef" in variable["valueFrom"]


def test_every_selector_finds_the_pods() -> None:
    labels = OBJECTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert OBJECTS[kind]["spec"]["selector"] == {"matchLabels": labels}
    assert OBJECTS["Service"]["spec"]["selector"] == labels
    scaled = OBJECTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert scaled["name"] == OBJECTS["Deployment"]["metadata"]["name"]


def test_the_image_is_made_of_what_is_there() -> None:
    assert entrypoint() == ["turret", "serve", "/models", "--host", "0.0.0.0"]
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, flags=re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists() and f"!{name}" in ignored
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)
    assert images and not any("/" in image for image in [*images, CONTAINER["image"]])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for image in images:
        (version,) = re.findall(r"^python:(3\.\d+)-slim$", image)
        assert any(label.endswith(f":: {version}") for label in project["classifiers"])
    assert CONTAINER["image"] == f"turret:{project['version']}"


def test_links_of_the_page_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([\w./-]+)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
