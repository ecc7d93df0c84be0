"""Which answer names what which operation asks for: the links of the description (OpenAPI 3.1, 4.8.20), so that a program, or a
test that makes one up, finds its way from a case to its debts, from a contact to its end, from a page to the next.
"""

import re
from collections.abc import Iterator
from typing import Any

_ROWS = "$response.body#/{0}/0/{1}"
_WAYS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("GET /cases", "/cases/{customer_id}", {"customer_id": _ROWS.format("cases", "customer_id")}),
    ("GET /next", "/cases/{customer_id}", {"customer_id": "$response.body#/customer_id"}),
    ("POST /search", "/cases/{customer_id}", {"customer_id": _ROWS.format("found", "customer_id")}),
    (
        "GET /cases/{customer_id}",
        "/accounts/{account_id}",
        {"account_id": _ROWS.format("accounts", "account_id")},
    ),
    (
        "GET /cases/{customer_id}",
        "/cases/{customer_id}/promises/{promise_id}",
        {"customer_id": "$request.path.customer_id", "promise_id": _ROWS.format("promises", "promise_id")},
    ),
    (
        "POST /contacts",
        "/cases/{customer_id}/contacts/{contact_id}",
        {"customer_id": "$request.body#/customer_id", "contact_id": "$response.body#/contact_id"},
    ),
    (
        "GET /cases/{customer_id}/recordings",
        "/cases/{customer_id}/recordings/{event_id}",
        {"customer_id": "$request.path.customer_id", "event_id": _ROWS.format("recordings", "event_id")},
    ),
    ("GET /approvals", "/approvals/{approval_id}", {"approval_id": _ROWS.format("approvals", "id")}),
    (
        "POST /cases/{customer_id}/erasure",
        "/approvals/{approval_id}",
        {"approval_id": "$response.body#/approval_id"},
    ),
    ("GET /complaints", "/complaints/{event_id}", {"event_id": _ROWS.format("complaints", "event_id")}),
    ("GET /people", "/people/{staff_id}", {"staff_id": _ROWS.format("people", "id")}),
    ("POST /people", "/people/{staff_id}", {"staff_id": "$response.body#/id"}),
    (
        "GET /decisions",
        "/decisions/{decision_id}",
        {"decision_id": _ROWS.format("decisions", "decision_id")},
    ),
    ("GET /reviews", "/reviews/{event_id}", {"event_id": _ROWS.format("drawn", "event_id")}),
    ("GET /law", "/law/{key}", {"key": _ROWS.format("packs", "key")}),
    ("GET /analytics", "/analytics/{name}", {"name": _ROWS.format("sections", "name")}),
    ("GET /strategies", "/strategies/{proposal_id}", {"proposal_id": _ROWS.format("proposals", "id")}),
    ("POST /strategies", "/strategies/{proposal_id}", {"proposal_id": "$response.body#/id"}),
    ("GET /webhooks", "/webhooks/{hook_id}", {"hook_id": _ROWS.format("webhooks", "id")}),
    ("POST /webhooks", "/webhooks/{hook_id}", {"hook_id": "$response.body#/id"}),
)
"""An operation, the addresses that it leads to, and where their parts stand in it."""


def add_links(paths: dict[str, Any], prefix: str) -> None:
    """Write the links into a description's ``paths``, whose addresses begin with ``prefix``."""
    for source, target, parts in _WAYS:
        told = _operation(paths, prefix, source)
        for address, found in _operations(paths, prefix):
            if address.startswith(target) and set(re.findall(r"{(\w+)}", address)) == set(parts):
                _link(told, found["operationId"], parts)
    for _address, told in _operations(paths, prefix):
        asked = {one["name"]: one["in"] for one in told.get("parameters", ())}
        if "cursor" in asked:
            same = {
                name: f"$request.{where}.{name}"
                for name, where in asked.items()
                if where == "path" or name not in ("cursor", "limit")
            }
            _link(told, told["operationId"], same | {"cursor": "$response.body#/next_cursor"})


def _operations(paths: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for path, ways in paths.items():
        for told in ways.values():
            yield path.removeprefix(prefix), told


def _operation(paths: dict[str, Any], prefix: str, name: str) -> Any:
    way, _, address = name.partition(" ")
    return paths[f"{prefix}{address}"][way.lower()]


def _link(source: Any, target_id: str, parts: dict[str, str]) -> None:
    links = source["responses"][200].setdefault("links", {})
    links[target_id] = {"operationId": target_id, "parameters": parts}
