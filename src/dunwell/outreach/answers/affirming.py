"""Whether a message says yes to what we asked, and nothing else: "Yes, that's right", "确认".

Only the whole message counts: whatever stands beside the yes may change it ("yes, but on Monday"), and is for a person.
"""

from dunwell.outreach.answers.findings import bare
from dunwell.outreach.answers.lexicon import Language, lexicon
from dunwell.outreach.answers.plain import views

_LENGTH_MAX = 60


def affirms(text: str) -> bool:
    """Whether it is a plain yes.

    >>> [affirms(text) for text in ("YES", "Yes, that's right. Thanks!", "确认", "是的，谢谢")]
    [True, True, True, True]
    >>> [affirms(text) for text in ("yes but on Monday", "no", "that's not right", "不对", "ok")]
    [False, False, False, False, False]
    """
    if len(text) > _LENGTH_MAX:
        return False
    seen = views(text)
    language: Language = "zh" if seen.chinese is not None else "en"
    view = seen.chinese if seen.chinese is not None else seen.english
    if view is None:
        return False
    known = lexicon(language)
    return bare(view.text, known) in known.affirmations
