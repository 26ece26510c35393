"""The OpenAPI document as one page that needs no script and loads nothing."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any

__all__ = ["PAGE_POLICY", "page_of"]

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;color:#1d2129;background:#fff;max-width:72rem;"
    "margin:2rem auto;padding:0 1.25rem}h1{font-size:1.7rem;margin-bottom:.25rem}"
    "h2{font-size:1.3rem;margin-top:2.25rem;border-bottom:1px solid #d5d9df}"
    "h3{font-size:1rem;margin:1.5rem 0 .4rem}table{border-collapse:collapse;width:100%}"
    "td,th{border:1px solid #d5d9df;padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "th{background:#f1f3f5}code,pre{background:#f1f3f5;font-size:.9em;overflow-wrap:anywhere}"
    "code{padding:.1rem .25rem}td:last-child code{white-space:nowrap}"
    "pre{padding:.75rem;white-space:pre-wrap}"
)
PAGE_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src "
    f"'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
"""Of the page: its one style, and nothing else."""

Told = dict[str, Any]


def page_of(document: Told) -> str:
    """The page.

    Args:
        document: As `openapi.openapi_document` makes it.
    """
    info, schemas = document["info"], document["components"]["schemas"]
    parts = [f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"]
    parts.append(
        f"<p>{escape(info['description'])} For programs: "
        '<a href="openapi.json">openapi.json</a> (OpenAPI 3.1). Send the token as '
        "<code>Authorization: Bearer TOKEN</code>.</p>"
    )
    for tag in document["tags"]:
        name = tag["name"]
        parts.append(f"<h2>{escape(tag['description'])} <code>{escape(name)}</code></h2>")
        parts.append(_routes(document, name))
        parts.append(_inputs(schemas[f"{name}.request"]))
        parts.append(_outputs(schemas[f"{name}.response"]))
        parts.append(_example(document, name))
    if not document["tags"]:
        parts.append("<p>No model that you may be told of is served here.</p>")
    parts.append("<h2>The server</h2>" + _routes(document, "server"))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}: what may be asked here</title>"
        f"<style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _routes(document: Told, tag: str) -> str:
    rows = [
        (
            f"<code>{method.upper()} {escape(path)}</code>",
            escape(told["summary"]),
            _needs(told),
        )
        for path, operations in document["paths"].items()
        for method, told in operations.items()
        if told["tags"] == [tag]
    ]
    return _table(("route", "what it does", "scope"), rows)


def _needs(told: Told) -> str:
    if "security" not in told:
        return "none"
    return f"<code>{escape(told['security'][0]['bearer'][0])}</code>"


def _inputs(request: Told) -> str:
    rows = [
        (
            f"<code>{escape(one['properties']['name']['const'])}</code>",
            escape(one["title"]),
            escape(one["properties"]["datatype"]["const"]),
            escape(one.get("x-unit", "")),
            _range(one),
            "yes" if one.get("x-required") else "",
            f"<code>{escape(one['x-code'])}</code>",
        )
        for one in request["properties"]["inputs"]["items"]["oneOf"]
    ]
    head = (
        "input",
        "what it is",
        "datatype",
        "unit",
        "plausible range or categories",
        "score needs it",
        "code",
    )
    return "<h3>Inputs</h3>" + _table(head, rows)


def _range(one: Told) -> str:
    if "x-plausible" in one:
        low, high = one["x-plausible"]
        return f"{low:g} to {high:g}"
    if one["properties"]["datatype"]["const"] == "BOOL":
        return "true: it happened at its time"
    return escape(", ".join(one.get("x-categories", ())))


def _outputs(response: Told) -> str:
    rows = [
        (
            f"<code>{escape(one['properties']['name']['const'])}</code>",
            escape(one["properties"]["datatype"]["const"]),
            escape(one.get("x-unit", "")),
            escape(_possible(one)),
        )
        for one in response["properties"]["outputs"]["items"]["oneOf"]
    ]
    return "<h3>Outputs</h3>" + _table(("output", "datatype", "unit", "what it may be"), rows)


def _possible(one: Told) -> str:
    """What the values of an output may be."""
    value = one["properties"]["data"]["items"]
    if "maximum" in value:
        return f"{value['minimum']} to {value['maximum']}"
    if value["type"] == "boolean":
        return "true, false: whether the threshold is reached"
    return ", ".join(value.get("enum") or one.get("x-names", ()))


def _example(document: Told, name: str) -> str:
    asked = document["paths"].get(f"/v2/models/{name}/infer")
    if asked is None:
        return ""
    example = asked["post"]["requestBody"]["content"]["application/json"]["example"]
    head = f"POST /v2/models/{name}/infer\nContent-Type: application/json\n\n"
    return f"<h3>A request</h3><pre>{escape(head + _lines(example))}</pre>"


def _lines(example: Told) -> str:
    """The request, a tensor on each line."""
    tensors = ",\n".join(f"    {json.dumps(one)}" for one in example["inputs"])
    return f'{{\n  "inputs": [\n{tensors}\n  ]\n}}'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    titles = "".join(f'<th scope="col">{one}</th>' for one in head)
    body = "".join(f"<tr>{''.join(f'<td>{one}</td>' for one in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
