"""The API whole: its routers, its description at ``/api/v1/openapi.json``, and how it says no."""

from collections.abc import Iterator
from typing import Any, cast

from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.operation import Operation
from ninja.throttling import AuthRateThrottle

from dunwell import __version__
from dunwell.office.access.guard import open_to_all
from dunwell.office.api import (
    cases,
    compliance,
    contacts,
    decisions,
    desk,
    figures,
    hooks,
    intake,
    lead,
    office,
    plans,
    texts,
)
from dunwell.office.api.links import add_links
from dunwell.office.api.problems import CONTENT_TYPE, PREFIX, JsonAlone, tell_problems
from dunwell.office.api.tokens import Scoped

_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "What was wrong and the mend (RFC 9457); some tell more, as `faults` with each place.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}
_FILES = {
    "desk_hear": ("audio/*",),
    "compliance_report_file": ("application/csv", "application/pdf"),
    "compliance_evidence": ("application/zip",),
}
"""The kinds of files that some operations answer with."""


class _Described(NinjaAPI):
    """An API whose description names at each operation the scope it needs, the form of its problems and of its files, and what an
    answer leads to.
    """

    def get_openapi_schema(self, **more: Any) -> Any:
        """The description, OpenAPI 3.1."""
        described = super().get_openapi_schema(**more)
        described["components"].setdefault("schemas", {})["Problem"] = _PROBLEM
        shape = {"schema": {"$ref": "#/components/schemas/Problem"}}
        scopes = dict(self._scopes())
        for ways in described["paths"].values():
            for told in ways.values():
                name, answers = told["operationId"], told["responses"]
                answers["default"] = {"description": "A problem", "content": {CONTENT_TYPE: shape}}
                if name in _FILES:
                    answers[200]["content"] = {kind: {} for kind in _FILES[name]}
                told["security"] = [{Scoped.__name__: [one for one in (scopes[name],) if one]}]
        add_links(described["paths"], PREFIX.removesuffix("/"))
        return described

    def _scopes(self) -> Iterator[tuple[str, str | None]]:
        for router in self._get_bound_routers():
            for view in router.path_operations.values():
                for operation in view.operations:
                    (scoped,) = operation.auth_callbacks
                    yield self.get_openapi_operation_id(operation), cast("Scoped", scoped).scope

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """An operation's name for the programs made from the description: it does not tell in which file its function stands."""
        assert operation.tags, operation.path
        return f"{operation.tags[0]}_{operation.view_func.__name__}"


api = _Described(
    title="dunwell",
    version=__version__,
    description="What the desk does, for programs. Tokens come from an administrator; each operation names its scope. POST"
    " requests may carry an Idempotency-Key. Errors are application/problem+json.",
    parser=JsonAlone(),
    docs_url=None,
    docs_decorator=lambda view: open_to_all(require_safe(view)),  # the description itself
    urls_namespace="api",
    throttle=[AuthRateThrottle("1200/m")],
)
for one in (cases, contacts, desk, plans, texts, office, lead, decisions, compliance, figures, intake, hooks):
    api.add_router("", one.router)
tell_problems(api)
