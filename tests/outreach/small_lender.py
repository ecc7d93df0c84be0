"""A small lender's workspace after a day's run: four people, each with a debt in every state that a text tells of."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

from dunwell.cli.workspace import copy_template
from dunwell.nightly.run import run_day
from dunwell.settings import FILE_NAME, read_settings

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 17, tzinfo=UTC)
SECRET = "DUNWELL_TEST_SECRET"

PEOPLE = {
    "US-EN": ("us", "US-NY", "en", "America/New_York"),
    "US-ZH": ("us", "US-NY", "zh", "America/New_York"),
    "CN-EN": ("cn", "CN-31", "en", "Asia/Shanghai"),
    "CN-ZH": ("cn", "CN-31", "zh", "Asia/Shanghai"),
}
DEBTS = ("LATE", "OPEN", "BROKEN", "PAID", "HARD", "DISPUTED", "STOPPED", "FRESH")

SETTINGS = f"""
[outreach]
phone = "+1 800 555 0100"
url = "https://pay.lender.example"
mail_to = "P.O. Box 121212, Pasadena, CA 91111"

[outreach.advice]
any = "a nonprofit counseling agency near you"

[outreach.email]
host = "127.0.0.1"
port = 1
starttls = "none"
from_address = "care@lender.example"
return_path_domain = "bounces.lender.example"
postal_address = "Example Lender, 1 Example Street"
unsubscribe_url = "https://lender.example/unsubscribe"
secret_env = "{SECRET}"

[outreach.sms]
kind = "http"
url = "http://127.0.0.1:1/messages"
source = "Lender"
secret_env = "{SECRET}"
webhook_secret_env = "{SECRET}"

[outreach.letter]
letterhead = ["Example Lender", "1 Example Street"]
country = "US"
envelope = "us10"
"""
TERMS = """
product = "{name}"
currency = "{currency}"
day_count = "ACT/360"
allocation = "instalment_first"
waterfall = ["costs", "fees", "penalty", "interest", "principal"]
[penalty]
basis = ["principal"]
annual = "0.24"
"""


def make_workspace(folder: Path) -> Path:
    """The workspace at ``folder``, run as of the day before TODAY."""
    os.environ.setdefault(SECRET, "0123456789abcdef" * 4)
    copy_template(folder)
    for file in [*(folder / "tape").iterdir(), *(folder / "policy" / "terms").iterdir()]:
        file.unlink()
    for name, currency in (("us", "USD"), ("cn", "CNY")):
        (folder / "policy" / "terms" / f"{name}.toml").write_text(TERMS.format(name=name, currency=currency))
    with (folder / FILE_NAME).open("a", encoding="utf-8") as stream:
        stream.write(SETTINGS)
    for name, rows in tables().items():
        (folder / "tape" / f"{name}.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    settings = read_settings(folder)
    run_day(settings, settings.tape_folder, date(2026, 11, 23), known_at=None, now=NOW)
    return folder


def tables() -> dict[str, list[str]]:
    """The tape."""
    accounts = [f"{person}-{debt}" for person in PEOPLE for debt in DEBTS]
    money = {account: ("us", "USD") if account.startswith("US") else ("cn", "CNY") for account in accounts}

    def each(debt: str) -> list[str]:
        return [account for account in accounts if account.endswith(debt)]

    return {
        "customers": [
            "customer_id,name,language,jurisdiction,region,timezone",
            *(
                f"{one},{'王小明' if words == 'zh' else 'Ann Miller'},{words},{place},{region},{zone}"
                for one, (place, region, words, zone) in PEOPLE.items()
            ),
        ],
        "accounts": [
            "account_id,customer_id,product,currency,principal,annual_rate,opened_on",
            *(f"{one},{one[:5]},{money[one][0]},{money[one][1]},1000.00,0.12,2026-05-01" for one in accounts),
        ],
        "instalments": [
            "account_id,number,due_on,principal,interest,fees",
            *(f"{one},1,2026-10-01,500.00,10.00,5.00" for one in accounts if not one.endswith("FRESH")),
            *(f"{one},2,2026-11-15,500.00,5.00,0" for one in accounts if not one.endswith("FRESH")),
            *(f"{one},1,2027-05-01,1000.00,5.00,0" for one in each("FRESH")),
        ],
        "payments": [
            "payment_id,account_id,paid_on,amount",
            *(f"M-{one},{one},2026-11-20,200.00" for one in each("PAID")),
            *(f"M-{one},{one},2026-10-20,100.00" for one in each("LATE")),
        ],
        "charges": [
            "charge_id,account_id,charged_on,kind,amount",
            *(f"F-{one},{one},2026-11-02,late_fee,7.50" for one in each("LATE")),
        ],
        "promises": [
            "promise_id,account_id,made_at,due_on,amount",
            *(f"P-{one},{one},2026-11-20T10:00:00Z,2026-11-30,120.00" for one in each("OPEN")),
            *(f"P-{one},{one},2026-11-01T10:00:00Z,2026-11-10,150.00" for one in each("BROKEN")),
        ],
        "holds": [
            "hold_id,account_id,kind,from_on",
            *(f"H-{one},{one},hardship,2026-11-20" for one in each("HARD")),
            *(f"H-{one},{one},dispute,2026-11-19" for one in each("DISPUTED")),
            *(f"H-{one},{one},cease,2026-11-18" for one in each("STOPPED")),
        ],
        "contact_points": [
            "contact_point_id,customer_id,kind,value",
            *(f"{one}-e,{one},email,{one.lower()}@customers.example" for one in PEOPLE),
            *(f"{one}-m,{one},mobile,+1202555014{number}" for number, one in enumerate(PEOPLE)),
            *(
                f'{one}-p,{one},postal,"{"上海市黄浦区示例路1号; 200001" if one == "CN-ZH" else address}"'
                for one in PEOPLE
                for address in ("12 Example Road; Albany, NY 12207",)
            ),
        ],
    }
