"""What a person wrote now, without the message they answer and without their signature.

Mail programs put the old message below the new text (or above it, with ``>``), each with its own words in front. Where a
line may be either, the text is kept: a sentence too many is better than an answer lost.
"""

import re

_QUOTED = re.compile(r"\s{0,3}>")
# "On Fri, 20 Nov 2026 at 09:30, Lender Care <care@...> wrote:", in one to three lines; "在 2026年11月20日，... 写道：".
_ATTRIBUTION_END = re.compile(r"(?:wrote|writes|写道|寫道)\s*[:：]\s*$", re.IGNORECASE)
_ATTRIBUTION_START = re.compile(
    r"\s*(?:On|At|Am|Le|El)\s.{0,200}\d|\s*(?:在|于|於)?\s*\d{4}\s*[年/.-]|.{0,200}\d{4}\s*[年/.-]|.{0,120}[<＜].{1,120}@"
)
# Without a time or an address, and with nothing marked as quoted below it, it may be the person's own sentence.
_ATTRIBUTION_SURE = re.compile(r"@|\d{1,2}[:：]\d{2}")
_HEADER_FROM = re.compile(r"\s*\*?(?:From|发件人|發件人|寄件者|寄件人)\*?\s*[:：]", re.IGNORECASE)
_HEADER_OTHER = re.compile(
    r"\s*\*?(?:Sent|Date|To|Subject|Cc|发送时间|發送時間|发送日期|时间|時間|日期|收件人|收件者|主题|主題|主旨|抄送)\*?\s*[:：]",
    re.IGNORECASE,
)
_DIVIDER = re.compile(
    r"\s*[-_—*=]{2,}\s*(?:Original Message|Original|Forwarded message|Replied Message|"
    r"原始邮件|原始郵件|原邮件|回复的原邮件|回覆的原郵件|转发邮件|轉寄郵件|转发的邮件|邮件原件)\s*[-_—*=]{2,}\s*",
    re.IGNORECASE,
)
_RULE = re.compile(r"\s*_{10,}\s*|\s*-{20,}\s*")
_DEVICE = re.compile(
    r"\s*(?:"
    r"Sent (?:from|via) (?:my |the )?(?:\w+ )?(?:iPhone|iPad|Android|Galaxy|BlackBerry|Pixel|Huawei|Xiaomi|phone|mobile|"
    r"Outlook|Mail|Yahoo Mail|Gmail|Proton Mail|AOL)(?: (?:device|phone|tablet|smartphone|(?:for|on) \w+(?: \d+)?))?|"
    r"Get Outlook for \w+(?: ?<https?://[^>]*>)?|"
    r"(?:发自|發自).{0,30}|"
    r"(?:从|從)(?:我的)?\s*(?:iPhone|iPad|手机|手機|设备|裝置)\s*(?:发送|傳送)|"
    r"(?:发送自|發送自|来自|來自).{0,12}(?:邮箱|郵箱|邮件|郵件|大师|Mail|Outlook)"
    r")\s*\.?\s*",
    re.IGNORECASE,
)
_ATTRIBUTION_LINES_MAX = 3
_HEADER_LINES_MAX = 6
_SIGNATURE_LINES_MAX = 8
_LOOK_AHEAD_LINES_MAX = 40
_TEXT_LENGTH_MAX = 200_000


def new_text(text: str) -> str:
    r"""The person's own words; of a very long text, those at its beginning.

    >>> new_text("I can pay on Friday.\n\nOn 20 Nov 2026, Lender <care@lender.example> wrote:\n> Hello Ana")
    'I can pay on Friday.'
    >>> new_text("我下周五还。\n\n------------------ 原始邮件 ------------------\n发件人: \"Lender\"\n您好")
    '我下周五还。'
    """
    lines = text[:_TEXT_LENGTH_MAX].replace("\u00a0", " ").split("\n")
    kept: list[str] = []
    index = 0
    while index < len(lines):
        if _is_signature(lines, index) or _is_old_message(lines, index):
            break
        if length := _attribution_length(lines, index):
            if not _is_quoted_next(lines, index + length):
                break
            index += length
        elif _QUOTED.match(lines[index]) or _DEVICE.fullmatch(lines[index]):
            index += 1
        else:
            kept.append(lines[index].rstrip())
            index += 1
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _attribution_length(lines: list[str], start: int) -> int:
    """How many lines from here are "so-and-so wrote:"; 0 when it is none."""
    if not lines[start].strip() or not _ATTRIBUTION_START.match(lines[start]):
        return 0
    for length in range(1, _ATTRIBUTION_LINES_MAX + 1):
        line = lines[start + length - 1] if start + length <= len(lines) else ""
        if not line.strip():
            return 0
        if _ATTRIBUTION_END.search(line):
            is_sure = bool(_ATTRIBUTION_SURE.search(" ".join(lines[start : start + length])))
            return length if is_sure or _is_quoted_next(lines, start + length) else 0
    return 0


def _is_quoted_next(lines: list[str], start: int) -> bool:
    """Whether the next line that is not empty is marked as quoted, so that what is not marked is new."""
    following = next((line for line in lines[start : start + _LOOK_AHEAD_LINES_MAX] if line.strip()), "")
    return bool(_QUOTED.match(following))


def _is_old_message(lines: list[str], index: int) -> bool:
    """Whether from here on all is the old message: a divider, or a block of its headers."""
    line = lines[index]
    if _DIVIDER.fullmatch(line):
        return True
    block = [one for one in lines[index : index + _HEADER_LINES_MAX] if one.strip()]
    if _RULE.fullmatch(line):
        block = block[1:]
    return bool(block) and bool(_HEADER_FROM.match(block[0])) and any(map(_HEADER_OTHER.match, block[1:4]))


def _is_signature(lines: list[str], index: int) -> bool:
    """Whether a signature begins here (``-- ``, RFC 3676 section 4.3; without its blank, only near the end)."""
    if lines[index] != "--":
        return lines[index] == "-- "
    following = lines[index + 1 : index + 1 + _LOOK_AHEAD_LINES_MAX]
    return sum(bool(line.strip()) for line in following) <= _SIGNATURE_LINES_MAX
