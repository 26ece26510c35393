"""`bedside --help` starts at once: it loads no library for data, models, keys or wires."""

import json
import subprocess
import sys

import pytest

HEAVY = (
    "boto3", "botocore", "hvac", "psycopg", "ray",
    "cryptography", "duckdb", "httptools", "jinja2", "joblib", "jsonschema", "lightgbm",
    "model_signing", "msgspec", "numba", "numpy", "onnx", "onnxruntime", "OpenSSL", "pandas",
    "polars", "pyarrow", "rich.progress", "scipy", "sklearn", "sqlalchemy", "sqlite3", "starlette",
    "torch", "uvicorn", "uvloop", "yaml",
)  # fmt: skip
PROGRAM = """
import json, sys
from bedside.cli.main import run
sys.argv = ["bedside", *{arguments!r}]
try:
    run()
except SystemExit as stop:
    status = stop.code or 0
heavy = [name for name in {heavy!r} if name in sys.modules]
print(json.dumps({{"status": status, "heavy": heavy}}), file=sys.stderr)
"""


def loaded_by(*arguments: str) -> dict[str, object]:
    program = PROGRAM.format(arguments=arguments, heavy=HEAVY)
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    found: dict[str, object] = json.loads(ran.stderr.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("build", "--help"),
        ("serve", "--help"),
        ("data", "--help"),
        ("backup", "--help"),
    ],
)
def test_help_loads_nothing_heavy(arguments):
    found = loaded_by(*arguments)

    assert found == {"status": 0, "heavy": []}


def test_a_heavy_import_would_be_seen():
    program = "import sys, yaml; print('yaml' in sys.modules, 'polars' in sys.modules)"

    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert ran.stdout.split() == ["True", "False"]
