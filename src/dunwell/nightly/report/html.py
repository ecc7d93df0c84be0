"""Sections into one HTML text that fetches nothing: the page that every report is laid out on."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from dunwell.nightly.report.language import Language
from dunwell.nightly.report.page import Section


def page_html(
    words: Language, title: str, day: date, sections: Sequence[Section], *, under: str, lender: str
) -> str:
    """The page. ``title``: the key of its title, which tells the day; ``under``: the line below it."""
    named = words.day(day)
    return _template().render(
        words=words,
        title=words.say(title, day=named),
        heading=words.say(title, day=named.replace(" ", "\u00a0")),
        under=under,
        lender=lender,
        sections=sections,
        style=Markup(_read("style.css")),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("dunwell.nightly", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")


def _read(name: str) -> str:
    return files("dunwell.nightly.report").joinpath(name).read_text(encoding="utf-8")
