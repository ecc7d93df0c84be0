"""What holds for every text: it is read without fail, evidence is its own, and dress or greeting changes nothing."""

from hypothesis import given
from hypothesis import strategies as st

from tests.outreach.answers.speaking import chinese, english

STOPS = st.sampled_from(
    [
        "STOP",
        "unsubscribe",
        "stop calling me",
        "do not text me again",
        "退订",
        "别再给我发短信",
        "不要再打电话",
    ]
)
GREETINGS = st.sampled_from(["Hello, ", "Hi! ", "Good morning. ", "你好，", "您好！", "thanks, "])
PIECES = st.sampled_from(
    [
        "i will pay ",
        "0/0 ",
        "31/2 ",
        "十十号",
        "还",
        "两百",
        "$",
        "next ",
        "friday ",
        "99号",
        "half ",
        "不",
        "stop ",
    ]
)


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=12).map("".join)))
def test_any_text_is_read_and_every_evidence_stands_in_it(text: str) -> None:
    for read in (english(text), chinese(text)):
        assert read.findings
        for finding in read.findings:
            assert text[finding.start : finding.end] == finding.evidence


@given(GREETINGS, STOPS)
def test_a_greeting_does_not_lose_a_stop(greeting: str, stop: str) -> None:
    assert "stop" in english(greeting + stop).kinds


@given(STOPS)
def test_width_and_capitals_do_not_matter(stop: str) -> None:
    wide = "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in stop)
    for dressed in (stop.upper(), stop.lower(), wide):
        assert english(dressed).intents == english(stop).intents
