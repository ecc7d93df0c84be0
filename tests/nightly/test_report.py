"""The page: sound HTML that fetches nothing, holds the figures, and says the same in each of its languages."""

import re
import string
import tomllib
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest

from dunwell.nightly.about import Quarantine
from dunwell.nightly.figures import Figures, merge_figures, partition_figures
from dunwell.nightly.report import LANGUAGES, charts, render_report
from tests.nightly.made import (
    ARREARS,
    AS_OF,
    BUCKETS,
    CLEAN,
    DIRTY,
    FACTS,
    TODAY,
    YESTERDAY,
    Account,
    account_rows,
    customer_rows,
    positions,
    timeline,
)
from tests.nightly.page_reader import PageReader

PARTS = files("dunwell.nightly.report")
STYLE = PARTS.joinpath("style.css").read_text(encoding="utf-8")
FIRST_RUN = replace(FACTS, previous_as_of=None)


def figures_of(today: tuple[Account, ...], before: tuple[Account, ...] | None = None) -> Figures:
    was = None if before is None else positions(before)
    arrears = timeline(ARREARS[: len(today)] if today else ())
    return partition_figures(positions(today), was, account_rows(today), customer_rows(today), arrears, AS_OF)


DAY = figures_of(TODAY, YESTERDAY)
MANY = tuple(
    Account(f"A{n}", f"P{n}", currency, days, "10.00", "400.00")
    for n, (currency, days) in enumerate(
        (c, d) for c in ("CNY", "USD", "GBP", "JPY", "KWD") for d in (0, 5, 40, 70, 200)
    )
)
CASES = {
    "a day": (DAY, DIRTY, FACTS),
    "many currencies": (figures_of(MANY, MANY), CLEAN, FACTS),
    "first run": (figures_of(TODAY), CLEAN, FIRST_RUN),
    "nobody late": (figures_of(TODAY[5:]), CLEAN, FIRST_RUN),
    "nobody in both runs": (figures_of(TODAY[5:], YESTERDAY[:1]), CLEAN, FACTS),
    "nothing lent": (merge_figures([]), Quarantine(), FACTS),
    "principal repaid": (figures_of((replace(TODAY[0], outstanding_principal="0"),)), CLEAN, FIRST_RUN),
}


@pytest.fixture(
    scope="module", params=[(case, language) for case in CASES for language in LANGUAGES], ids=" ".join
)
def page(request: pytest.FixtureRequest) -> str:
    case, language = request.param
    return render_report(*CASES[case], BUCKETS, language)


@pytest.fixture(scope="module")
def english() -> PageReader:
    return PageReader(render_report(DAY, DIRTY, FACTS, BUCKETS))


def test_the_page_is_sound(page: str) -> None:
    read = PageReader(page)
    identifiers = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    named = {
        attributes["aria-labelledby"] for _, attributes in read.elements if "aria-labelledby" in attributes
    }
    assert named <= set(identifiers)
    assert all(link["href"][1:] in identifiers for link in read.all("a"))
    assert all(len(row) == len(table[0]) for table in read.tables for row in table)


def test_headings_go_down_one_step_at_a_time(page: str) -> None:
    levels = [level for level, _ in PageReader(page).headings]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_nothing_is_fetched_and_nothing_runs(page: str) -> None:
    read = PageReader(page)
    assert not {tag for tag, _ in read.elements} & {"script", "link", "img", "iframe", "image", "use", "base"}
    for _, attributes in read.elements:
        assert not [name for name in attributes if name == "src" or name.startswith("on")]
        assert attributes.get("href", "#").startswith("#")
    assert "://" not in page and "@import" not in page and not re.search(r"url\((?!#)", page)


def test_no_template_is_left_over(page: str) -> None:
    text = PageReader(page).text
    assert "{" not in text and "None" not in text and "nan" not in text.lower().split()


def test_each_picture_has_a_name(page: str) -> None:
    pictures = PageReader(page).all("svg")
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in pictures)


@pytest.mark.parametrize(("language", "tag"), LANGUAGES.items())
def test_the_page_declares_its_language(language: str, tag: str) -> None:
    assert PageReader(render_report(DAY, DIRTY, FACTS, BUCKETS, language)).all("html") == [{"lang": tag}]


def test_a_language_it_is_not_written_in_is_refused() -> None:
    with pytest.raises(ValueError, match="use one of en, zh"):
        render_report(DAY, CLEAN, FACTS, BUCKETS, "fr")


def test_the_figures_are_there(english: PageReader) -> None:
    assert "40.0% of accounts on the book are past due." in english.text
    assert "Since 29 June 2026, 1 fell past due and 1 cured." in english.text
    rows = [row for table in english.tables for row in table]
    assert ["CNY", "3", "2", "66.7%", "3,800.00", "210.50", "47.4%", "1", "0"] in rows
    assert ["CNY", "M2", "1", "+1", "1", "800.00", "21.05%", "120.50"] in rows
    assert ["CNY", "31–60", "1", "120.50", "57.2%"] in rows
    assert ["CNY", "1", "+1", "0", "0", "0", "2", "90.00", "0.00"] in rows
    assert ["CNY", "not on the book", "C", "1", "–", "0.00", "2,000.00"] in rows
    assert ["China", "Special mention", "2", "66.67%"] in rows


def test_amounts_keep_their_currencys_decimals() -> None:
    read = PageReader(render_report(figures_of(MANY), CLEAN, FIRST_RUN, BUCKETS))
    overdue = {row[0]: row[5] for row in read.tables[0][1:]}
    assert overdue == {"CNY": "50.00", "GBP": "50.00", "JPY": "50", "KWD": "50.000", "USD": "50.00"}


def test_quarantine_says_where_and_how_to_mend(english: PageReader) -> None:
    rows = [row for table in english.tables for row in table]
    assert [
        "payments: amount must be above 0Send received money as positive.",
        "2",
        "payments.csv:17",
    ] in rows
    assert "3 of 46 rows are in quarantine" in english.text
    assert ["contacts.parquet", "the file ends too early.Send it again whole."] in rows
    assert "notes.txt" in english.text


def test_a_clean_tape_is_said_to_be_clean() -> None:
    assert "Every row of the tape was used." in render_report(DAY, CLEAN, FACTS, BUCKETS)


def test_what_a_lender_wrote_is_text_not_html() -> None:
    page = render_report(DAY, DIRTY, replace(FACTS, lender="<script>alert(1)</script>"), BUCKETS)
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_the_same_run_makes_the_same_page() -> None:
    again = figures_of(TODAY, YESTERDAY)
    assert render_report(DAY, DIRTY, FACTS, BUCKETS) == render_report(again, DIRTY, FACTS, BUCKETS)


def catalogue(language: str) -> dict[str, Any]:
    return tomllib.loads(PARTS.joinpath(f"{language}.toml").read_text(encoding="utf-8"))


def places(texts: dict[str, Any]) -> dict[str, set[str]]:
    """Every section.key with the names of the values that its text takes."""
    return {
        f"{section}.{key}": {name for _, name, _, _ in string.Formatter().parse(text) if name}
        if isinstance(text, str)
        else set()
        for section, entries in texts.items()
        for key, text in entries.items()
    }


def test_all_languages_have_the_same_texts_with_the_same_values() -> None:
    english = places(catalogue("en"))
    assert all(places(catalogue(language)) == english for language in LANGUAGES)
    terms = [catalogue(language)["reading"]["terms"] for language in LANGUAGES]
    assert len({len(entries) for entries in terms}) == 1


def test_the_catalogue_holds_nothing_that_is_never_said() -> None:
    code = "".join(
        part.read_text(encoding="utf-8") for part in PARTS.iterdir() if part.name.endswith((".py", ".j2"))
    )
    looked_up = {"column", "status", "class", "jurisdiction", "reading", "channel", "promise"}
    unsaid = [
        place
        for place in places(catalogue("en"))
        if place not in code and place.split(".")[0] not in looked_up
    ]
    unsaid += [key for key in catalogue("en")["column"] if not re.search(rf'["+]{key}"|column\.{key}', code)]
    assert unsaid == []


# Colours.


def palette(scheme: str) -> dict[str, str]:
    root = re.findall(r":root \{(.*?)\}", STYLE, re.S)[("light", "dark").index(scheme)]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", root))


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_charts_stand_out_from_their_ground(scheme: str) -> None:
    colours = palette(scheme)
    texts = {name: contrast(colours[name], colours["page"]) for name in ("ink", "muted", "link", "alert")}
    texts |= {
        name: contrast(colours["ink"], tint)
        for name, tint in colours.items()
        if re.match("same|worse|better", name)
    }
    lines = {
        name: contrast(tint, colours["page"]) for name, tint in colours.items() if re.match("bar|curve", name)
    }
    assert {name: ratio for name, ratio in texts.items() if ratio < 4.5} == {}
    assert {name: ratio for name, ratio in lines.items() if ratio < 3} == {}


def test_the_style_sheet_knows_every_colour_of_the_charts() -> None:
    used = {charts.INK, charts.MUTED, charts.GRID, charts.BAR, charts.BAR_DEEP, charts.SAME}
    used |= {*charts.WORSE, *charts.BETTER, *charts.CURVES}
    assert {colour for colour in used if f'="{colour}"]' not in STYLE} == set()
    drawn = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]+)"', render_report(DAY, DIRTY, FACTS, BUCKETS)))
    assert drawn <= used
