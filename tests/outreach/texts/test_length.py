"""How many parts a text takes as an SMS: what is said before it is approved is what the SMS channel then sends."""

from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.sms.splitting import split_text
from dunwell.outreach.texts.length import GSM_BASIC, GSM_EXTENDED, sms_parts

LETTERS = [*sorted(GSM_BASIC | GSM_EXTENDED), "还", "，", "😀", "ç", "`"]


@given(st.text(alphabet="".join(LETTERS), min_size=1, max_size=30), st.integers(1, 40))
def test_as_many_as_the_channel_cuts_it_into(some: str, times: int) -> None:
    text = "x" + some * times
    cut = len(split_text(text).texts)
    # A letter that takes two places is never torn, which may cost a part more than the places alone.
    assert sms_parts(text) <= cut <= sms_parts(text) + 1


@given(st.text(alphabet="abc 还", min_size=1, max_size=30), st.integers(1, 40))
def test_exactly_as_many_where_no_letter_takes_two_places(some: str, times: int) -> None:
    text = "x" + some * times
    assert sms_parts(text) == len(split_text(text).texts)
