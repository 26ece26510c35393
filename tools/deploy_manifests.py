"""Renders and judges the manifests of an exported version with Helm's and Kubernetes' own rules.

Run by the Python of `.venv-deploy`: it prints JSON, with what the tools said of the Compose file
and of the chart with each set of values.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

KUBERNETES = ("1.28", "1.32")
"""The oldest that the chart names, and a newer one; the tool may know the nearest to it."""
OTHERS = {"monitoring.coreos.com/v1"}
"""Kinds of Prometheus' operator, of which Kubernetes has no schema."""


def compose(folder: Path) -> str:
    """What is wrong with the Compose file; empty where nothing is."""
    try:
        import_module("compose_spec").PyCompose((folder / "compose.yaml").read_text())
    except Exception as error:  # whatever the library says of the file, it means no
        return f"{type(error).__name__}: {error}"
    return ""


def chart(folder: Path, values: dict[str, Any]) -> dict[str, Any]:
    """The objects of the chart with these values, and what is wrong with them."""
    helm = import_module("helm_python")
    try:
        with helm.Chart.load(str(folder / "helm")) as loaded:
            texts = loaded.render(values, name="ward", namespace="icu")
    except helm.HelmError as error:
        return {"refused": str(error)}
    objects = [one for text in texts.values() for one in yaml.safe_load_all(text) if one]
    told = helm.lint(str(folder / "helm"), values=values, strict=True)
    lint = [one["error"] for one in told["messages"] if one["severity"] >= 2] + told["errors"]
    return {"objects": objects, "lint": lint, "invalid": invalid(objects)}


def invalid(objects: list[Any]) -> list[str]:
    """What Kubernetes' own schemas say against them, strictly; they know no kinds of others."""
    rules = import_module("kubernetes_validate")
    said = []
    for one in objects:
        if one["apiVersion"] in OTHERS:
            continue
        for version in KUBERNETES:
            try:
                rules.validate(one, version, strict=True)
            except Exception as error:  # whatever the library says, it means no
                said.append(f"{one['kind']} in {version}: {type(error).__name__}: {error}"[:500])
    return said


def main(folder: str, values: str) -> int:
    """Print what is found for the folder; `values` is a JSON object of values by name."""
    place = Path(folder)
    charts = {name: chart(place, one) for name, one in json.loads(values).items()}
    json.dump({"compose": compose(place), "charts": charts}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
