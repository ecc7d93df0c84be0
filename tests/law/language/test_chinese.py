"""The Chinese review by families of meaning: each family in several wordings, and what looks like it and is innocent."""

from datetime import date

import pytest

from dunwell.law.language import Review, review

ON = date(2026, 11, 24)

UNLAWFUL = {
    "threat": (
        "小心你孩子放学路上出事",
        "今晚就让你全家不得安宁",
        "你儿子读几年级我都打听好了，你自己掂量。",
        "你家门锁质量不太行啊。",
        "欠我的钱，就拿你的腿来还。",
        "要么还钱，要么还命。",
        "上一个跟我玩失踪的，现在坟头草都三米高了。",
        "我这人好说话，我手底下的人可不好说话。",
        "你以为警察能护你一辈子？",
        "你的工作还想保住吗？想保住就按我说的做。",
    ),
    "abuse": (
        "你个瓜娃子，龟儿子，啥子时候还钱",
        "连条狗都比你讲信用",
        "您这种素质，难怪混成这样，真可怜又可笑。",
        "脑残，识字不？",
        "死性不改的东西，活着干嘛",
    ),
    "false_authority": (
        "我是派出所的辅警，今天来你家是公事。",
        "【司法局】您的案件已受理，请速缴清欠款",
        "我身边就坐着两个民警，你自己跟他们说。",
        "我这里是征信局，今天必须还清",
        "我们受法院委托上门送达并收款",
    ),
    "false_legal": (
        "欠三千就可以判你一年",
        "你子女的政审会因为你过不了",
        "无需经过法院，我们平台就有权划扣你的微信余额。",
        "父债子偿，你儿子要还",
        "征信黑了一辈子都洗不掉",
        "警察已经在来的路上了",
    ),
    "third_party_disclosure": (
        "我现在就给你们单位领导打电话说你欠钱的事",
        "您好，请问您是张伟的爱人吗？他在我们平台有一笔贷款逾期了",
        "你通讯录里第一个是“妈妈”吧，我先从她开始打。",
        "请转告您儿子尽快归还欠款5000元",
        "您弟弟的欠款由您先垫付一下可以吗",
    ),
    "shame": (
        "照片贴到小区门口",
        "我要在抖音上曝光你",
        "在你老家祠堂贴个告示",
        "借钱不还，你对得起父母吗？",
    ),
    "harassment": (
        "你拉黑一个我换一个",
        "我会每隔十分钟给你打一次",
        "您已多次要求停止来电，但我们会继续拨打",
        "吃住都在你家，什么时候还钱什么时候走",
    ),
    "undue_pressure": (
        "支付宝借呗不是还有额度吗？先提出来还我们",
        "化疗可以晚一个疗程，账可不能晚",
        "让你爸妈把养老金取出来先垫上",
        "最后二十分钟，系统马上关闭减免通道",
    ),
}

INNOCENT = (
    "您刚才说想弄死催收员，我理解您的情绪。",
    "您别骂自己没用，谁都有难的时候。",
    "您问会不会告诉您老婆，我们不会的。",
    "我不是律师，不能给您法律意见。",
    "有人跟您说要拘留您？这是恐吓，您可以报警。",
    "没有法院的判决，谁也不能冻结您的工资卡。",
    "您愿意让我们联系您的妻子吗？",
    "麻烦您转告他方便时回个电话，谢谢。",
    "作为紧急联系人，您不需要承担任何债务。",
    "如有催收人员在您小区张贴告示，请拍照留证并投诉。",
    "每天打电话确实不合适，我给您改成每周一次。",
    "找朋友借钱还款容易伤感情，我们不建议。",
    "您的药不能停，先买药。",
    "公司规定：禁止威胁、辱骂客户，违者开除。",
    "培训题：以下哪句话违规？“再不还钱就去你单位闹”。",
    "客户来电称，有人在他小区贴了大字报。",
    "检察院对七名暴力催收人员提起公诉。",
    "我行已向人民法院提起诉讼，案号为（2025）沪0115民初1234号。",
    "如逾期不还，我行将依法采取法律措施，包括提起诉讼。",
    "外面下雨路滑，您小心点。",
    "不好意思打断您了。",
    "这垃圾天气，信号不好，您听得清吗？",
    "您好，债权转让公告已在《××日报》刊登，特此通知您。",
)

DISGUISED = (
    ("threat", "弄 死 你 信 不 信"),
    ("threat", "小🔪心🔪你🔪家🔪人🔪的🔪安🔪全"),
    ("threat", "nong死你信不信"),
    ("threat", "不還錢，我就叫人把你的車給燒了。"),
    ("threat", "我哋会搵人上门搞掂你，小心你屋企人。"),
    ("abuse", "王 八 羔 子，还钱"),
    ("abuse", "啥比，看不懂短信吗"),
    ("false_authority", "這裡是警察局，你欠的錢今天必須還"),
    ("false_legal", "再不还就等着zuo lao吧"),
    ("third_party_disclosure", "爆你tong xun lu"),
)


def said(text: str) -> Review:
    """The review of one line said in a call by an agency in China."""
    return review(text, language="zh", channel="call", packs=["cn"], on=ON, second_opinion=False)


@pytest.mark.parametrize(
    ("category", "text"), [(category, text) for category, texts in UNLAWFUL.items() for text in texts]
)
def test_every_family_of_meaning_is_found_under_its_category(category: str, text: str) -> None:
    found = said(text)
    assert category in found.categories
    assert all(text[one.start : one.end] == one.quoted for one in found.findings)
    assert all(one.citation and one.suggestion for one in found.findings)


@pytest.mark.parametrize("text", INNOCENT)
def test_care_denial_report_rule_and_lawful_steps_are_let_through(text: str) -> None:
    assert said(text).categories == ()


@pytest.mark.parametrize(("category", "text"), DISGUISED)
def test_disguises_are_undone_and_the_original_is_quoted(category: str, text: str) -> None:
    found = said(text)
    assert category in found.categories
    assert all(text[one.start : one.end] == one.quoted for one in found.findings)


def test_publication_before_people_who_know_the_person_is_disclosure_and_shame() -> None:
    found = said("明天把你的欠款发到家长群")
    assert {"shame", "third_party_disclosure"} <= set(found.categories)
    assert all(one.rule.startswith("cn.") for one in found.findings)


def test_a_denial_does_not_reach_past_a_but() -> None:
    assert said("我们不会上门，但会告诉你的领导你欠钱").categories == ("third_party_disclosure",)


def test_what_the_customer_says_does_not_excuse_what_we_answer() -> None:
    assert "threat" in said("您说没钱，那我们就打断您的腿").categories
