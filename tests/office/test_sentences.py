"""What the core says in English is shown in Chinese: every reason and every line of a statement has a form that is known."""

import re
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest
from django.utils.translation import override

from dunwell.book import Book
from dunwell.ledger import read_terms
from dunwell.ledger.statement import account_events, statement
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from dunwell.office.desk.sentences import is_known, sentence
from dunwell.strategy.linting import cautions
from dunwell.strategy.text import read_strategy
from tests.office.conftest import AS_OF, Office
from tests.office.test_plans import owing
from tests.office.test_translating import in_chinese

ENGLISH = re.compile(r"[a-z]{3,} [a-z]{2,}")


def test_every_line_of_many_statements_has_its_form(ran: Path) -> None:
    book, unknown = Book(ran / "book"), set()
    terms = read_terms(ran / "policy" / "terms")
    tables = book.partition(0).tables
    accounts = tables["accounts"]
    for row in range(0, accounts.height, 5):
        if accounts["opened_on"][row] > AS_OF:
            continue
        told = statement(account_events(tables, row, None), terms[accounts["product"][row]], AS_OF)
        for text in [
            *told.worked_out,
            *(part for line in told.lines for part in (line.event, line.working) if part),
        ]:
            if not is_known(text):
                unknown.add(text)
    assert unknown == set()


def test_every_reason_of_a_promise_has_its_form(ran: Path) -> None:
    reasons = pl.read_parquet(ran / "book" / "promises.parquet")["reason"].unique().to_list()
    assert len(reasons) > 10
    assert [reason for reason in reasons if not is_known(reason)] == []


def test_what_a_new_workspaces_strategy_cautions_of_has_its_form(ran: Path) -> None:
    found = cautions(read_strategy(ran / "policy" / "strategy.toml"))
    assert found
    assert [one for one in found if not is_known(one)] == []


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("paid by 2026-11-20", "已于 2026-11-20 前还清"),
        ("customer_withdrew; superseded by desk-1", "客户撤回；由 desk-1 取代"),
        (
            "team_lead may grant up to 500.00 GBP alone [house policy]",
            "组长可单独批准至 500.00 GBP [house policy]",
        ),
        (
            "20.00 USD was given up before and counts; collector may grant up to 30.00 USD alone [house policy]",
            "此前已减让20.00 USD，一并计入；催收员可单独批准至 30.00 USD [house policy]",
        ),
        (
            (
                "20.00 USD was given up before and counts; 40.00 USD is above what collector may grant alone; team_lead must "
                "agree, up to 150.00 USD [house policy]"
            ),
            "此前已减让20.00 USD，一并计入；40.00 USD 超出催收员可单独批准的额度；须经组长同意，至多 150.00 USD [house policy]",
        ),
        (
            "segment 'a b' has no treatment: its customers are left in peace",
            "分组'a b'没有任何措施：其客户不会被联系",
        ),
        ("late fee C7", "逾期费 C7"),
        ("a lender's own clause", "a lender's own clause"),
    ],
)
def test_a_sentence_is_told_in_chinese_and_stays_as_it_is_in_english(english: str, chinese: str) -> None:
    with override("zh-hans"):
        assert sentence(english) == chinese
    with override("en"):
        assert sentence(english) == english


def test_one_day_and_several_days_are_one_form() -> None:
    for days in ("1 day", "3 days"):
        text = f"instalment 2: 100.00 x 0.24 x 3/365 = 0.197260 ({days} from 2026-01-02 to 2026-01-04)"
        assert is_known(text)
        with override("zh-hans"):
            assert not ENGLISH.search(sentence(text))


def test_the_statement_and_the_plans_of_a_chinese_reader_hold_no_english_sentence(office: Office) -> None:
    client = in_chinese(office, "collector")
    case = Case.objects.filter(past_due_days__gt=10).order_by("pk").first()
    assert case is not None
    account = CaseFile(office.place, case.pk).account_ids[0]
    page = client.get(f"/case/{case.pk}/statement/{account}").content.decode()
    lines = re.findall(r"<td>([^<]*)(?:<br><small>([^<]*)</small>)?<br><small>", page)
    assert lines
    assert [part for line in lines for part in line if ENGLISH.search(part)] == []
    customer = owing(office, "us", 3001, 8000)
    told = {"left": "900", "once": str(uuid4())}
    page = client.post(f"/case/{customer}/plans", told).content.decode()
    assert "每月" in page
    assert [
        text for text in re.findall(r"<h3.*?</dl>\s*<p>([^<]*)</p>", page, re.DOTALL) if ENGLISH.search(text)
    ] == []
