"""What a version is written into: its own modules, its libraries, its manifests, its statement."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.errors import Invalid, Refused
from bedside.core.records.served_release import ServedRelease
from bedside.core.records.version import Stage
from bedside.deploy.export.served import read_release, release_to_json
from bedside.deploy.export.source import modules_for
from bedside.deploy.export.wheels import chosen_wheels
from bedside.deploy.package.scoring_install import Library
from bedside.features.definition import feature_set_from_json
from bedside.lifecycle.deploying import export_version
from bedside.wiring.images import image_builder
from exported import a_live_version
from house import ROOT

pytestmark = pytest.mark.xdist_group("deploy_export")  # its fixtures are made once

MANIFESTS = ROOT / ".venv-deploy" / "bin" / "python"
RELEASED = ServedRelease(
    version="diagnosis@" + "a" * 12, bundle="a" * 64, stage=Stage.CANARY, share=0.1, wards=("icu",)
)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    """A workspace with a live version."""
    return a_live_version(tmp_path_factory.mktemp("hospital"))


@pytest.fixture(scope="module")
def exported(hospital, tmp_path_factory):
    """It, in every form but an image."""
    platform, version = hospital
    folder = tmp_path_factory.mktemp("exported") / "out"
    forms = ["containerfile", "compose", "helm"]
    export_version(platform, version, folder, forms, builder=image_builder())
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_imported_inside_a_function_and_what_lies_beside_it_comes_along():
    files = {
        "bedside/__init__.py": b"",
        "bedside/start.py": b"def later():\n    from bedside.room import thing\n    import json\n",
        "bedside/room/__init__.py": b"",
        "bedside/room/thing.py": b"from bedside.room.inner.deep import value\n",
        "bedside/room/words.txt": b"beside",
        "bedside/room/inner/__init__.py": b"",
        "bedside/room/inner/deep.py": b"value = 1\n",
        "bedside/unused/__init__.py": b"",
        "bedside/unused/other.py": b"",
        "bedside/unused/page.html": b"",
    }

    chosen = modules_for(files, "bedside.start")

    assert set(files) - set(chosen) == {
        "bedside/unused/__init__.py", "bedside/unused/other.py", "bedside/unused/page.html",
    }  # fmt: skip


def test_the_same_version_gives_the_same_bytes_and_no_secret(hospital, exported, tmp_path):
    platform, version = hospital

    export_version(
        platform, version, tmp_path / "again", ["containerfile", "compose", "helm"],
        builder=image_builder(),
    )  # fmt: skip

    first, again = files_of(exported), files_of(tmp_path / "again")
    assert first == again
    assert not any("PRIVATE KEY" in content.decode(errors="ignore") for content in first.values())
    assert not any(name.endswith((".wrapped", "keyring.json")) for name in first)


def test_no_training_store_or_command_line_is_packed(exported):
    app = exported / "app" / "bedside"

    assert (app / "wiring" / "scoring.py").is_file()
    assert [
        name for name in ("cli", "develop", "usecases", "monitor") if (app / name).exists()
    ] == []
    assert not (app / "wiring" / "workspace.py").exists()


def test_the_canary_key_is_a_file_of_its_owner_alone_and_the_one_of_the_workspace(
    hospital, tmp_path
):
    platform, version = hospital
    key = tmp_path / "canary_key"

    export_version(
        platform, version, tmp_path / "out", ["containerfile"],
        builder=image_builder(), canary_key=key,
    )  # fmt: skip

    assert key.read_text().strip() == platform.tag("canary")
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_bytes().strip() not in b"".join(files_of(tmp_path / "out").values())
    with pytest.raises(Refused) as refusal:
        export_version(
            platform, version, tmp_path / "other", ["containerfile"],
            builder=image_builder(), canary_key=key,
        )  # fmt: skip
    assert refusal.value.code == "folder_exists"


@pytest.mark.parametrize("stage", [Stage.SUPERSEDED, Stage.BUILT])
def test_what_is_not_released_is_not_written(tmp_path, stage):
    platform, version = a_live_version(tmp_path, stage=stage)

    with pytest.raises(Refused) as refusal:
        export_version(
            platform, version, tmp_path / "out", ["containerfile"], builder=image_builder()
        )

    assert refusal.value.code == "not_released"
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_is_never_touched(hospital, tmp_path):
    platform, version = hospital
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(Refused) as refusal:
        export_version(platform, version, tmp_path, ["containerfile"], builder=image_builder())

    assert refusal.value.code == "folder_exists"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_form_that_is_none_is_named_as_such(hospital, tmp_path):
    platform, version = hospital

    with pytest.raises(Invalid) as refusal:
        export_version(platform, version, tmp_path / "out", ["iso"], builder=image_builder())

    assert refusal.value.code == "unknown_form"


def test_a_bundle_that_was_changed_is_not_written(tmp_path):
    platform, version = a_live_version(tmp_path)
    (model,) = platform.bundles.rglob("model.onnx")
    model.write_bytes(model.read_bytes() + b"\0")

    with pytest.raises(Refused) as refusal:
        export_version(
            platform, version, tmp_path / "out", ["containerfile"], builder=image_builder()
        )

    assert refusal.value.code == "bundle_tampered"
    assert not (tmp_path / "out").exists()


def a_library(name, version):
    return Library(name=name, version=version, licence="MIT", needs=())


def test_the_wheel_of_this_machine_is_chosen_and_a_missing_one_is_named(tmp_path):
    here = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for name in (
        "thing-1.0-py3-none-any.whl", "thing-2.0-py3-none-any.whl",
        f"fast_thing-1.0-{here}-none-any.whl", "fast_thing-1.0-cp27-none-win32.whl",
        "not a wheel.whl",
    ):  # fmt: skip
        (tmp_path / name).write_bytes(name.encode())

    chosen = chosen_wheels(tmp_path, [a_library("thing", "1.0"), a_library("fast-thing", "1.0")])

    assert set(chosen) == {"thing-1.0-py3-none-any.whl", f"fast_thing-1.0-{here}-none-any.whl"}
    with pytest.raises(Refused, match="thing") as refusal:
        chosen_wheels(tmp_path, [a_library("thing", "3.0")])
    assert refusal.value.code == "wheel_missing"


def test_the_containerfile_ends_as_nobody_on_a_chosen_base_without_a_shell_command(exported):
    lines = (exported / "Containerfile").read_text().splitlines()
    last = lines[max(n for n, line in enumerate(lines) if line.startswith("FROM ")) :]

    assert last[0] == "FROM ${BASE}"
    assert "USER 65532:65532" in last
    assert [line for line in last if line.startswith("RUN ")] == [
        "RUN install -d -o 65532 -g 65532 -m 0700 /var/lib/bedside"
    ]
    assert last[-1] == 'ENTRYPOINT ["python3", "-m", "bedside.wiring.scoring"]'
    assert not [
        line for line in lines if "@" in line.replace("diagnosis@", "").replace("python@", "")
    ]


@pytest.fixture(scope="module")
def judged(exported):
    """What Helm, Kubernetes' schemas and the Compose specification say of the manifests."""
    if not (MANIFESTS.parents[1] / ".installed").is_file():
        reason = "what validates manifests is not installed; run: make .venv-deploy/.installed"
        required = os.environ.get("BEDSIDE_REQUIRE_SERVICES") == "1"
        if required and os.environ.get("BEDSIDE_NO_MANIFESTS") != "1":
            pytest.fail(reason)
        pytest.skip(reason)
    secret = {"secret": {"name": "s"}}
    values = {
        "nothing": {},
        "no secret": {"behindProxy": True},
        "unknown": {**secret, "behindProxy": True, "nosuch": 1},
        "tls": {**secret, "tls": {"secretName": "t"}},
        "all": {
            "secret": {"name": "s", "canaryKey": True}, "behindProxy": True,
            "cdsClients": {"configMapName": "c"}, "allowedHosts": ["a.example", "b.example"],
            "image": {"digest": "sha256:" + "a" * 64, "pullSecrets": [{"name": "p"}]},
            "state": {"existingClaim": "mine"}, "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "k", "operator": "Exists"}],
            "networkPolicy": {"egress": [{"ports": [{"port": 443}]}]},
            "access": {"configMapName": "a"},
            "metrics": {
                "serviceMonitor": True, "tokenSecret": "p", "labels": {"release": "prometheus"},
                "from": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            },
        },
        "no token": {
            **secret, "behindProxy": True, "metrics": {"serviceMonitor": True},
        },
    }  # fmt: skip
    done = subprocess.run(
        [MANIFESTS, ROOT / "tools" / "deploy_manifests.py", exported, json.dumps(values)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_the_compose_file_keeps_the_compose_specification(judged):
    assert judged["compose"] == ""


def test_the_chart_is_valid_where_everything_needed_is_said(judged):
    for name in ("tls", "all"):
        chart = judged["charts"][name]
        assert (chart["lint"], chart["invalid"]) == ([], [])
        assert {"Deployment", "Service", "NetworkPolicy"} <= {
            one["kind"] for one in chart["objects"]
        }


def test_the_chart_refuses_what_is_not_protected_or_not_known(judged):
    refused = {name: judged["charts"][name].get("refused", "") for name in judged["charts"]}

    assert "what protects requests" in refused["nothing"]
    assert "secret.name" in refused["no secret"]
    assert "nosuch" in refused["unknown"]
    assert "metrics.tokenSecret" in refused["no token"]


def test_prometheus_is_let_in_with_a_token_and_under_the_address_that_it_calls(judged):
    objects = judged["charts"]["all"]["objects"]
    (monitor,) = [one for one in objects if one["kind"] == "ServiceMonitor"]
    (policy,) = [one for one in objects if one["kind"] == "NetworkPolicy"]
    (service,) = [one for one in objects if one["kind"] == "Service"]
    (deployment,) = [one for one in objects if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    environment = {one["name"]: one.get("value") for one in container["env"]}

    (endpoint,) = monitor["spec"]["endpoints"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= (
        service["metadata"]["labels"].items()
    )
    assert endpoint["port"] in [one["name"] for one in service["spec"]["ports"]]
    assert (endpoint["path"], endpoint["scheme"]) == ("/metrics", "http")
    assert endpoint["authorization"]["credentials"] == {"name": "p", "key": "token"}
    assert len(policy["spec"]["ingress"][0]["from"]) == 2
    assert environment["BEDSIDE_ALLOWED_HOSTS"] == "a.example,b.example,$(POD_IP)"
    assert environment["BEDSIDE_ACCESS"] == "/etc/bedside/access"
    assert not [
        one for one in judged["charts"]["tls"]["objects"] if one["kind"] == "ServiceMonitor"
    ]


def test_the_pod_runs_as_nobody_reads_only_and_gives_up_every_power(judged):
    (pod,) = [
        one["spec"]["template"]["spec"]
        for one in judged["charts"]["all"]["objects"]
        if one["kind"] == "Deployment"
    ]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    written = [one["name"] for one in container["volumeMounts"] if not one.get("readOnly")]
    assert sorted(written) == ["scratch", "state"]


def test_a_statement_is_read_as_it_was_written():
    assert read_release(release_to_json([RELEASED])) == (RELEASED,)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@given(st.binary(max_size=200) | anything.map(lambda told: json.dumps(told).encode()))
def test_bytes_that_are_no_statement_are_refused_and_nothing_else(content):
    with pytest.raises(Refused) as refusal:
        read_release(content)
    assert refusal.value.code == "release_unreadable"


@given(st.sampled_from(["version", "bundle", "stage", "share", "wards"]), anything)
def test_a_statement_with_one_odd_field_is_read_or_refused_and_nothing_else(name, value):
    told = json.loads(release_to_json([RELEASED]))
    told["versions"][0][name] = value

    with suppress(Refused):
        (read,) = read_release(json.dumps(told).encode())
        assert json.loads(release_to_json([read])) == told


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'[{"name":"a.last","code":"a"}]', id="one code for each feature"),
        pytest.param(b'{"features":[{"name":"a.last","code":"a"}]}', id="the same, as an object"),
        pytest.param(b"{}", id="nothing"),
        pytest.param(b"\xff", id="no text"),
    ],
)
def test_features_of_a_bundle_from_before_the_first_release_are_refused_with_the_fix(content):
    with pytest.raises(Refused, match="build the model again") as refusal:
        feature_set_from_json(content)

    assert refusal.value.code == "features_unreadable"


@given(st.binary(max_size=200) | anything.map(lambda told: json.dumps(told).encode()))
def test_features_of_any_bytes_are_read_or_refused(content):
    with suppress(Refused):
        feature_set_from_json(content)
