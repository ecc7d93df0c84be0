"""What the language review finds, and what it leaves alone because it is denied, forbidden, quoted or reported."""

from datetime import date

import pytest

from dunwell.law.language import review

ON = date(2026, 11, 2)

SAMPLE = "This is Robin Smith calling from ABC Inc. Please contact me or Jim Johnson at 1-800-555-1212."
LONG_SAMPLE = (
    "Hi, this is Robin Smith calling from ABC Inc. It is 4:15 p.m. on Wednesday, September 1. Please contact me or any of our "
    "representatives at 1-800-555-1212 today until 6:00 p.m. Eastern time, "
    "or any weekday from 8:00 a.m. to 6:00 p.m. Eastern time."
)

UNLAWFUL = (
    ("en", "threat", "We will have you arrested if you do not pay."),
    ("en", "third_party_disclosure", "I will tell your boss you are a deadbeat."),
    ("en", "false_authority", "This is Officer Smith of the police department."),
    ("en", "threat", "Pay today or we will break your legs"),
    ("en", "abuse", "You stupid piece of trash, pay up"),
    ("en", "third_party_disclosure", "I'll call your mother and your neighbours and tell them you owe us"),
    ("en", "harassment", "We'll keep calling every hour until you pay"),
    ("en", "shame", "We will post your photo on Facebook"),
    ("en", "false_legal", "If you don't pay by 5pm a warrant will be issued"),
    ("en", "false_legal", "You have no legal right to dispute this."),
    ("en", "false_legal", "You waived all rights to complain."),
    ("en", "undue_pressure", "Borrow it from your family or use another credit card"),
    ("en", "false_authority", "I am an attorney with the district attorney's office"),
    ("zh", "threat", "再不还钱就弄死你全家"),
    ("zh", "third_party_disclosure", "我们会联系您的单位领导让他知道你欠钱"),
    ("zh", "false_authority", "我是派出所的民警,请马上还款"),
    ("zh", "abuse", "你这个老赖,不要脸"),
    ("zh", "harassment", "天天给你打电话打到你还为止"),
    ("zh", "threat", "再不还款就让你坐牢"),
    ("zh", "third_party_disclosure", "把你的照片发到朋友圈"),
    ("zh", "undue_pressure", "去找朋友借钱来还"),
    ("zh", "third_party_disclosure", "爆你通讯录"),
    ("zh", "threat", "你儿子以后不能考公务员"),
)
INNOCENT = (
    ("en", "You cannot be arrested for this debt."),
    ("en", "We will not contact your employer."),
    ("en", "Your payment of 50.00 is due on Friday."),
    ("en", "The creditor may file a lawsuit if the debt is not resolved."),
    ("en", "If anyone threatens you, please tell us."),
    ("en", 'Customer said: "I will kill you if you call again"'),
    ("en", "We can offer you a plan over six months."),
    ("en", "For instance, you have the right to stop or limit how we contact you."),
    ("en", "The newspaper reported that a collector was jailed for threatening debtors."),
    ("zh", "我们不会联系您的单位。"),
    ("zh", "任何人不得威胁、恐吓债务人。"),
    ("zh", "客户说他要弄死我。"),
    ("zh", "您的账单500元将于周五到期,请按时还款。"),
    ("zh", "如有人冒充公安机关催收,请立即报警。"),
    ("zh", "您有权申请协商还款。"),
    ("zh", "如您有困难,可以申请分期。"),
    ("zh", "法院判决该催收公司因辱骂客户被罚款。"),
    ("zh", "您可拨打我们的客服电话咨询。"),
    ("zh", "欠款不会让您坐牢。"),
)


@pytest.mark.parametrize(("language", "category", "text"), UNLAWFUL)
def test_what_may_not_be_said_is_found_at_its_place(language: str, category: str, text: str) -> None:
    found = review(text, language=language, channel="call", packs=["us-reg-f", "cn"], on=ON)
    assert not found.allowed
    assert category in found.categories
    for one in found.findings:
        assert text[one.start : one.end] == one.quoted
        assert one.citation
        assert one.suggestion


@pytest.mark.parametrize(("language", "text"), INNOCENT)
def test_what_is_denied_quoted_or_reported_is_left_alone(language: str, text: str) -> None:
    assert review(text, language=language, channel="call", packs=["us-reg-f", "cn"], on=ON).categories == ()


@pytest.mark.parametrize("text", [SAMPLE, LONG_SAMPLE])
def test_the_commentarys_limited_content_messages(text: str) -> None:
    """12 CFR 1006, Supp. I, comments 2(j)(1)-1 and 2(j)(2)-2."""
    found = review(text, language="en", channel="voicemail", packs=["us-reg-f"], actor="agency", on=ON)
    assert found.allowed
    assert found.is_limited_content


def test_a_voicemail_that_says_more_is_refused() -> None:
    text = "This is Robin from ABC Debt Collectors about your overdue account, call 1-800-555-1212."
    found = review(text, language="en", channel="voicemail", packs=["us-reg-f"], actor="agency", on=ON)
    assert "not_limited_content" in found.categories


@pytest.mark.parametrize(
    "text", ["You will be arr3sted if you do not pay", "p a y now or we will k i l l you"]
)
def test_words_in_disguise(text: str) -> None:
    assert not review(text, language="en", channel="sms", packs=[], on=ON).allowed


def test_traditional_characters_and_pinyin() -> None:
    for text in ("再不還錢就讓你坐牢", "再不还钱就让你zuo lao"):
        assert "threat" in review(text, language="zh", channel="call", packs=["cn"], on=ON).categories
