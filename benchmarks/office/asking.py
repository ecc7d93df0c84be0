"""People at their browsers: they sign in, open cases, call and tell how it ended, look at boards; each answer known by its id."""

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

PASSWORD = "a long enough secret"
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(slots=True)
class Answers:
    """The answers to one kind of request, by the server's own name for each, and how many were wrong."""

    ids: list[str] = field(default_factory=list)
    wrong: int = 0


class Person:
    """Somebody who works in the office, in a browser of their own."""

    def __init__(self, address: str, name: str) -> None:
        self.http = httpx.Client(base_url=address, timeout=120)
        page = self.http.get("/account/login/").text
        form = {"login": name, "password": PASSWORD, "csrfmiddlewaretoken": _token(page)}
        answer = self.http.post("/account/login/", data=form, headers={"Referer": address})
        assert answer.status_code == 302, answer.text[:500]

    def get(self, address: str) -> httpx.Response:
        """Look at a page."""
        return self.http.get(address)

    def post(self, address: str, **told: Any) -> httpx.Response:
        """Send a form."""
        form = {"csrfmiddlewaretoken": self.http.cookies["csrftoken"], **told}
        return self.http.post(address, data=form, headers={"Referer": str(self.http.base_url)})


def _token(page: str) -> str:
    found = _TOKEN.search(page)
    assert found is not None, "the page has no form"
    return found.group(1)


def kinds_of(
    cases: Sequence[str], names: Sequence[str], accounts: Sequence[str], chance: random.Random
) -> dict[str, Callable[[Person], httpx.Response]]:
    """What is asked, by name. ``cases``: customers of the queue; ``names`` and ``accounts``: some to be searched for."""

    def told_call(person: Person) -> httpx.Response:
        customer = chance.choice(cases)
        person.get(f"/case/{customer}")
        person.post(f"/case/{customer}/called", once=str(uuid4()))
        return person.post(f"/case/{customer}/log", outcome="conversation", note="They call again on Friday.")

    def opened(person: Person) -> httpx.Response:
        return person.get(f"/case/{chance.choice(cases)}")

    return {
        "a case, opened for the first time": opened,
        "the queue": lambda person: person.get("/queue"),
        "the queue of a stage": lambda person: person.get("/queue?stage=negotiation"),
        "the next case": lambda person: person.get("/queue/next"),
        "search by account": lambda person: person.post("/search", q=chance.choice(accounts)),
        "search by name": lambda person: person.post("/search", q=chance.choice(names)),
        "a call told of (POST)": told_call,
        "the board": lambda person: person.get("/board"),
        "who has how many": lambda person: person.get("/load"),
        "coaching": lambda person: person.get("/coaching"),
        "reviews": lambda person: person.get("/reviews"),
        "the regulator's report": lambda person: person.get("/reports"),
        "decisions of a customer": lambda person: person.get(f"/decisions?q={chance.choice(cases)}"),
        "complaints": lambda person: person.get("/complaints"),
        "audit": lambda person: person.get("/audit"),
        "analytics": lambda person: person.get("/analytics"),
        "analytics, a section": lambda person: person.get("/analytics/roll"),
    }


def ask(person: Person, kind: Callable[[Person], httpx.Response], count: int) -> Answers:
    """Ask so many times, one after the other."""
    answers = Answers()
    for _ in range(count):
        answer = kind(person)
        answers.wrong += not _is_what_was_asked(answer)
        answers.ids.append(answer.headers["X-Request-ID"])
    return answers


def _is_what_was_asked(answer: httpx.Response) -> bool:
    """A page, or the way to one: not to where somebody signs in or sets up a second factor."""
    if answer.status_code == 302:
        return not answer.headers["Location"].startswith(("/account/", "/second-factor"))
    return answer.status_code == 200


def seconds_until(seen: Callable[[], bool], patience_s: float = 60) -> float:
    """How long it takes until something can be seen, looking ten times a second."""
    began = time.perf_counter()
    while not seen():
        if time.perf_counter() - began > patience_s:
            raise TimeoutError(f"not seen within {patience_s:.0f} seconds")
        time.sleep(0.1)
    return time.perf_counter() - began
