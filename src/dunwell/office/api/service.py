"""The API whole: its routers, its description at ``/api/v1/openapi.json``, and how it says no."""

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
from dunwell.office.api.problems import tell_problems

api = NinjaAPI(
    title="dunwell",
    version=__version__,
    description="What the desk does, for programs. Tokens come from an administrator; each operation names its scope. POST"
    " requests may carry an Idempotency-Key. Errors are application/problem+json.",
    docs_url=None,
    urls_namespace="api",
    throttle=[AuthRateThrottle("1200/m")],
)
for one in (cases, contacts, desk, plans, texts, office, lead, compliance, figures, intake, hooks):
    api.add_router("", one.router)
tell_problems(api)
