"""Whether the office is alive and ready, for whatever watches over it."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from dunwell.book import NoBook
from dunwell.office.access.guard import open_to_all
from dunwell.office.workplace import workplace


@open_to_all
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"alive": True})


@open_to_all
def ready(request: HttpRequest) -> HttpResponse:
    """200 when pages can be served: the database answers and is up to date, and there is a book; 503 with what is missing."""
    missing = []
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            missing.append("the database lacks migrations: start `dunwell serve` once")
    except DatabaseError:
        missing.append("the database does not answer")
    try:
        day = workplace().shelf.as_of
    except NoBook:
        day = None
        missing.append("there is no book yet: run `dunwell run`")
    return JsonResponse(
        {"ready": not missing, "missing": missing, "book": day}, status=503 if missing else 200
    )
