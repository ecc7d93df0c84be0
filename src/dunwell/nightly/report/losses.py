"""The report's section on the losses to expect: by currency and IFRS 9 stage, and what is lost at default."""

from decimal import Decimal

from dunwell.money import minor_exponent
from dunwell.nightly.losses import LossFigures
from dunwell.nightly.numbers import amount_text
from dunwell.nightly.report.language import Language
from dunwell.nightly.report.page import Cell, Section, Table, columns

_AMOUNTS = ("exposure_minor", "loss_12m_minor", "loss_life_minor", "allowance_minor")
_WHY_NOT = {"package": "losses.package", "young": "losses.young", "few": "losses.few"}


def losses_section(losses: LossFigures, language: Language) -> Section:
    """The sums with their definition, and what they rest on; or why they cannot be told."""
    say = language.say
    if losses.problem:
        return Section("losses", say("losses.title"), lead=[why_not_told(losses.problem, language)])
    told: list[list[Cell]] = [
        [
            row["currency"],
            f"{row['stage']}",
            f"{row['accounts']:,}",
            *(_amount(row[name], row["currency"]) for name in _AMOUNTS),
            language.share(row["allowance_minor"], row["exposure_minor"], 1),
        ]
        for row in losses.stages.iter_rows(named=True)
    ]
    headings = columns(
        language,
        *(
            "currency",
            "+stage",
            "+accounts",
            "+exposure",
            "+loss_12m",
            "+loss_life",
            "+allowance",
            "+coverage",
        ),
    )
    lost: list[list[Cell]] = [
        [
            row["currency"],
            language.share(row["lost_share"], 1),
            f"{language.share(row['low'], 1)} – {language.share(row['high'], 1)}",
            f"{row['months']}",
            f"{row['debts']:,}",
            say("losses.all") if row["rests_on"] == "all" else say("losses.own"),
        ]
        for row in losses.shares.iter_rows(named=True)
    ]
    lost_headings = columns(
        language, "currency", "+lost_share", "+interval", "+months_after", "+defaults", "rests_on"
    )
    tables = [
        Table(say("losses.table"), headings, told, say("losses.definition")),
        Table(say("losses.shares"), lost_headings, lost, say("losses.shares_note")),
    ]
    return Section("losses", say("losses.title"), lead=[say("losses.lead")], tables=tables)


def why_not_told(problem: str, language: Language) -> str:
    """The sentence for a problem of ``nightly.losses.PROBLEMS``."""
    return language.say(_WHY_NOT[problem])


def _amount(minor: int, currency: str) -> str:
    return amount_text(Decimal(minor).scaleb(-minor_exponent(currency)), currency)
