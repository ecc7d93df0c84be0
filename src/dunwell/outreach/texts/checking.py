"""What is held against a text before it may be used: slots, leftovers of templates, length, and the language review."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from dunwell.law.language import Finding, review
from dunwell.outreach.texts.length import sms_parts
from dunwell.outreach.texts.text import Fault, Text
from dunwell.outreach.texts.values import Money, written

SMS_PARTS_MAX = 4
"""Longer than this, people stop reading, and some networks lose a part."""

SLOT = re.compile(r"\{([^{}\n]*)\}")
_STRAY = re.compile(
    r"\{\{|\}\}|[{}]"  # lone and doubled braces
    r"|%\(?\w*\)?[sd]\b|\$\{?[A-Za-z_]\w*|<[A-Za-z][^<>\n]*>|<<|>>"
    r"|\[[A-Za-z][A-Za-z_ ]*\]|_{3,}|\b[Xx]{3,}\b|[×]{2,}|\b(?:TODO|TBD|TBC|FIXME)\b|某某"
)
_TELLING_SUBJECT = re.compile(
    r"(?i)\b(?:debts?|ow(?:e|es|ed|ing)|overdue|past due|arrears|delinquen\w*|collect\w*|balance|loans?|default\w*"
    r"|legal|court|law\w*|final|urgent\w*|payments?|repay\w*|pay|unpaid)\b|欠|债|逾期|催|还款|贷|账单|起诉|法律|律师|法院|最后|紧急"
)
_SAMPLES: Mapping[str, Mapping[str, object]] = {
    "en": {
        "money": Money(123_450, "USD"),
        "date": date(2026, 9, 24),
        "name": "Alexandra Martinez",
        "organisation": "Example Bank",
        "phone": "+1 800 555 0100",
        "url": "https://pay.example.com/a/8KQ2M4",
        "text": "4821",
    },
    "zh": {
        "money": Money(123_450, "CNY"),
        "date": date(2026, 11, 24),
        "name": "欧阳文静",
        "organisation": "示例消费金融有限公司",
        "phone": "400-810-0000",
        "url": "https://pay.example.cn/a/8KQ2M4",
        "text": "4821",
    },
}
POSING = {"en": "This is {}.", "zh": "我们是{}。"}
"""An organisation's name is reviewed as if it introduced itself: it may not sound like police, a court or a ministry."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text with its slots filled; ``pieces`` tell where in the template a character of it comes from."""

    text: str
    pieces: tuple[tuple[int, int, int, int], ...]

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The span of the template behind a span of the filled text; a slot counts as a whole."""
        touched = [piece for piece in self.pieces if piece[0] < max(end, start + 1) and start < piece[1]]
        first, last = touched[0], touched[-1]
        begin = first[2] if _is_slot(first) else first[2] + start - first[0]
        finish = last[3] if _is_slot(last) else last[2] + end - last[0]
        return max(begin, first[2]), finish


def _is_slot(piece: tuple[int, int, int, int]) -> bool:
    return piece[1] - piece[0] != piece[3] - piece[2]


def put_in(template: str, values: Mapping[str, str]) -> Rendered:
    """A template with its slots filled by texts that are put in as they stand."""
    parts: list[str] = []
    pieces: list[tuple[int, int, int, int]] = []
    at = 0
    for words, slot, start, end in _cut(template):
        part = words if slot is None else values[slot]
        if part:
            parts.append(part)
            pieces.append((at, at + len(part), start, end))
            at += len(part)
    return Rendered("".join(parts), tuple(pieces))


@lru_cache(maxsize=1024)
def _cut(template: str) -> tuple[tuple[str, str | None, int, int], ...]:
    """Words and slots of a template in turn, each with the span where it stands; the slot's name, or None for words."""
    pieces: list[tuple[str, str | None, int, int]] = []
    done = 0
    for match in SLOT.finditer(template):
        pieces.append((template[done : match.start()], None, done, match.start()))
        pieces.append(("", match.group(1), match.start(), match.end()))
        done = match.end()
    pieces.append((template[done:], None, done, len(template)))
    return tuple(pieces)


def faults_of(text: Text, on: date, *, second_opinion: bool = True) -> list[Fault]:
    """Everything for which a text may not be used, found with values of the common kind. ``second_opinion``: also what the model
    doubts, so that a person looks at it.
    """
    faults = [*_slots(text), *_strays(text), *_subject(text)]
    if faults:
        return faults
    locale = "zh-CN" if text.language == "zh" else "en-US"
    samples = {
        name: written(_SAMPLES[text.language][kind], kind, locale, text.channel)
        for name, kind in text.slots.items()
    }
    return [
        *length(text, put_in(text.body, samples).text),
        *reviewed(text, samples, text.packs, text.actors, on, second_opinion=second_opinion),
    ]


def reviewed(
    text: Text,
    values: Mapping[str, str],
    packs: tuple[str, ...],
    actors: tuple[str, ...],
    on: date,
    *,
    second_opinion: bool,
) -> list[Fault]:
    """The language review of a text as filled, for each of the roles in which it may be written."""
    faults: dict[tuple[object, ...], Fault] = {}
    subject, body = put_in(text.subject, values), put_in(text.body, values)
    whole = f"{subject.text}\n{body.text}" if subject.text else body.text
    offset = len(whole) - len(body.text)
    for actor in actors:
        verdict = review(
            whole,
            language=text.language,
            channel=text.channel,
            packs=packs,
            actor=actor,
            on=on,
            second_opinion=second_opinion,
        )
        for found in verdict.findings:
            fault = _from_finding(text, found, subject, body, offset)
            faults.setdefault((fault.line, fault.start, fault.category, found.rule), fault)
        for name, kind in text.slots.items():
            if kind == "organisation" and f"{{{name}}}" in text.body + text.subject:
                for found in _posing(values[name], text.language, packs, actor, on):
                    problem = f"{{{name}}} poses: {found.quoted!r} ({found.rule}, {found.citation})"
                    fault = Fault(text.file, 0, found.category, problem, found.suggestion)
                    faults.setdefault((name, found.category), fault)
    return list(faults.values())


@lru_cache(maxsize=1024)
def _posing(name: str, language: str, packs: tuple[str, ...], actor: str, on: date) -> tuple[Finding, ...]:
    """What the review finds in an organisation that introduces itself by this name."""
    said = POSING[language].format(name)
    # A name is no sentence that the model could judge.
    found = review(
        said, language=language, channel="call", packs=packs, actor=actor, on=on, second_opinion=False
    )
    return found.findings


def length(text: Text, filled: str) -> list[Fault]:
    """Whether an SMS takes more parts than anybody reads."""
    if text.channel != "sms" or (parts := sms_parts(filled)) <= SMS_PARTS_MAX:
        return []
    problem = f"takes {parts} parts, {SMS_PARTS_MAX} at most"
    return [Fault(text.file, text.lines.body, "length", problem, "Say less: one goal, one step")]


def _slots(text: Text) -> Iterator[Fault]:
    used = {match.group(1) for match in SLOT.finditer(text.subject + "\n" + text.body)}
    for template, is_body in ((text.subject, False), (text.body, True)):
        for match in SLOT.finditer(template):
            if match.group(1) not in text.slots:
                problem = f"{match.group()} is not declared"
                yield _at(
                    text, is_body, match.start(), match.end(), "slot", problem, "Declare it under [slots]"
                )
    for name in text.slots:
        if name not in used:
            problem = f"{{{name}}} is declared and not used"
            yield Fault(
                text.file, text.lines.slots[name], "slot", problem, "Use it, or take it out of [slots]"
            )
    if not text.body:
        yield Fault(text.file, text.lines.body, "slot", "says nothing", "Write the text below the second +++")


def _strays(text: Text) -> Iterator[Fault]:
    for template, is_body in ((text.subject, False), (text.body, True)):
        for match in _STRAY.finditer(SLOT.sub(lambda slot: "·" * len(slot.group()), template)):
            problem = f"{match.group()!r} looks like a placeholder that nobody would fill"
            mend = "Write {slot} and declare it, or say it in words"
            yield _at(text, is_body, match.start(), match.end(), "placeholder", problem, mend)


def _subject(text: Text) -> Iterator[Fault]:
    """An e-mail's subject is seen by whoever stands beside: it names who writes, and nothing of a debt."""
    if text.channel != "email":
        return
    for match in SLOT.finditer(text.subject):
        if text.slots.get(match.group(1)) != "organisation":
            yield _at(
                text,
                False,
                match.start(),
                match.end(),
                "subject",
                f"{match.group()} stands in a subject",
                "Leave it out",
            )
    if found := _TELLING_SUBJECT.search(text.subject):
        problem = f"{found.group()!r} tells of a debt to whoever sees the subject"
        yield _at(text, False, found.start(), found.end(), "subject", problem, "Say only who writes")


def _from_finding(text: Text, found: Finding, subject: Rendered, body: Rendered, offset: int) -> Fault:
    if found.category == "missing_disclosure":
        problem = f"is not said ({found.rule}, {found.citation})"
        return Fault(text.file, text.lines.body, found.category, problem, found.suggestion)
    problem = f"{found.quoted!r} ({found.rule}, {found.citation})"
    is_body = found.start >= offset
    rendered, shift = (body, offset) if is_body else (subject, 0)
    start, end = rendered.origin(found.start - shift, min(found.end - shift, len(rendered.text)))
    return _at(text, is_body, start, end, found.category, problem, found.suggestion)


def _at(text: Text, is_body: bool, start: int, end: int, category: str, problem: str, mend: str) -> Fault:
    """A fault at a span of the body or the subject, told by the file's line."""
    if not is_body:
        shift = text.lines.subject_column
        return Fault(text.file, text.lines.subject, category, problem, mend, shift + start, shift + end)
    before = text.body[:start]
    column = start - (before.rfind("\n") + 1)
    return Fault(
        text.file, text.lines.body + before.count("\n"), category, problem, mend, column, column + end - start
    )
