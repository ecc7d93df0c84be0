"""The API whole: its routers, its description at ``/api/v1/openapi.json``, and how it says no."""

from typing import Any

from ninja import NinjaAPI
from ninja.throttling import AuthRateThrottle

from dunwell import __version__
from dunwell.office.api import (
    cases,
    compliance,
    contacts,
    desk,
    figures,
    hooks,
    intake,
    lead,
    office,
    plans,
    texts,
)
from dunwell.office.api.problems import CONTENT_TYPE, JsonAlone, tell_problems

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


class _Described(NinjaAPI):
    """An API whose description names the form of its problems at each operation."""

    def get_openapi_schema(self, **more: Any) -> Any:
        """The description, OpenAPI 3.1."""
        described = super().get_openapi_schema(**more)
        described["components"].setdefault("schemas", {})["Problem"] = _PROBLEM
        shape = {"schema": {"$ref": "#/components/schemas/Problem"}}
        for ways in described["paths"].values():
            for told in ways.values():
                told["responses"]["default"] = {"description": "A problem", "content": {CONTENT_TYPE: shape}}
        return described


api = _Described(
    title="dunwell",
    version=__version__,
    description="What the desk does, for programs. Tokens come from an administrator; each operation names its scope. POST"
    " requests may carry an Idempotency-Key. Errors are application/problem+json.",
    parser=JsonAlone(),
    docs_url=None,
    urls_namespace="api",
    throttle=[AuthRateThrottle("1200/m")],
)
for one in (cases, contacts, desk, plans, texts, office, lead, compliance, figures, intake, hooks):
    api.add_router("", one.router)
tell_problems(api)
