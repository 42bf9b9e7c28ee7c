"""The manifests for Kubernetes are valid, run the processes of the Procfile, and bear what is promised of each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from massmailer.embedded import paths
from massmailer.processes import procfile

FOLDER = paths.checkout() / "deploy" / "kubernetes"
VERSION = "1.33"
# what the compose file runs on demand, or for trying things alone
NOT_DEPLOYED = {"submission", "inbound", "sandbox"}
SENDERS = {"worker-bulk", "worker-transactional"}


def documents() -> list[dict[str, Any]]:
    files = sorted(set(FOLDER.glob("*.yaml")) - {FOLDER / "kustomization.yaml"})
    return [document for file in files for document in yaml.safe_load_all(file.read_text())]


WORKLOADS = {one["metadata"]["name"]: one for one in documents() if one["kind"] in ("Deployment", "StatefulSet", "Job")}


def pod(name: str) -> dict[str, Any]:
    found: dict[str, Any] = WORKLOADS[name]["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("document", documents(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_every_manifest_is_valid(document: dict[str, Any]) -> None:
    if not document["apiVersion"].startswith("keda.sh/"):
        kubernetes_validate.validate(document, VERSION, strict=True)


def test_kustomize_takes_every_file() -> None:
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    assert set(kustomization["resources"]) == {file.name for file in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}


def test_every_process_of_the_procfile_has_its_workload() -> None:
    commands = {name: pod(name)["containers"][0]["command"] for name in WORKLOADS if name != "migrate"}
    assert set(commands) == set(procfile.commands()) - NOT_DEPLOYED
    for name, command in commands.items():
        assert command == ["python", "-m", "massmailer.processes", "exec", name]


@pytest.mark.parametrize("name", sorted(WORKLOADS))
def test_no_pod_may_do_more_than_it_has_to(name: str) -> None:
    spec = pod(name)
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert not spec["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert {"/tmp", "/app/var"} <= {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        *(volume["name"] for volume in spec["volumes"]),
        *(claim["metadata"]["name"] for claim in WORKLOADS[name]["spec"].get("volumeClaimTemplates", [])),
    }
    labels = WORKLOADS[name]["spec"]["template"]["metadata"]["labels"]
    assert WORKLOADS[name]["spec"].get("selector", {"matchLabels": labels})["matchLabels"] == labels


def test_workers_have_the_time_to_finish_that_they_have_in_compose() -> None:
    (grace,) = re.findall(r"stop_grace_period: (\d+)s", (paths.checkout() / "docker-compose.yml").read_text())
    for name in set(WORKLOADS) - {"migrate"}:
        assert pod(name)["terminationGracePeriodSeconds"] == int(grace), name


def test_what_must_not_run_twice_is_stopped_before_it_is_replaced() -> None:
    for name in ("beat", "worker-control"):
        assert WORKLOADS[name]["spec"]["replicas"] == 1
        assert WORKLOADS[name]["spec"]["strategy"] == {"type": "Recreate"}


def test_outcomes_that_a_sender_could_not_record_outlive_its_pod() -> None:
    assert {name for name, one in WORKLOADS.items() if one["kind"] == "StatefulSet"} == SENDERS
    for name in SENDERS:
        assert [claim["metadata"]["name"] for claim in WORKLOADS[name]["spec"]["volumeClaimTemplates"]] == ["state"]


def test_campaigns_ask_for_less_processor_than_everybody_else_and_have_no_limit() -> None:
    def millicores(name: str) -> int:
        return int(pod(name)["containers"][0]["resources"]["requests"]["cpu"].removesuffix("m"))

    others = {name for name in WORKLOADS if name.startswith(("web", "worker-"))} - {"worker-bulk"}
    assert all(millicores("worker-bulk") * 5 <= millicores(name) for name in others)
    assert "limits" not in pod("worker-bulk")["containers"][0]["resources"]


def test_the_examples_name_what_the_compose_file_demands() -> None:
    demanded = set(re.findall(r"\$\{([A-Z_]+):\?", (paths.checkout() / "docker-compose.yml").read_text()))
    named = {line.partition("=")[0] for file in FOLDER.glob("*.example") for line in _lines(file)}
    # the passwords stand in the two addresses
    assert (demanded - {"POSTGRES_PASSWORD", "VALKEY_PASSWORD"}) | {"DATABASE_URL", "REDIS_URL"} <= named


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if line and not line.startswith("#")]


def test_scaling_names_what_is_there() -> None:
    trigger, scaled = (one for one in documents() if one["apiVersion"].startswith("keda.sh/"))
    target = scaled["spec"]["scaleTargetRef"]
    assert WORKLOADS[target["name"]]["kind"] == target["kind"]
    (secret,) = trigger["spec"]["secretTargetRef"]
    assert secret["key"] in {line.partition("=")[0] for line in _lines(FOLDER / "secrets.env.example")}
    assert scaled["spec"]["triggers"][0]["authenticationRef"]["name"] == trigger["metadata"]["name"]
    generated = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    assert secret["name"] in [one["name"] for one in generated["secretGenerator"]]
    assert generated["generatorOptions"] == {"disableNameSuffixHash": True}
