"""The text of an HTML part, as a person would read it, without the message that it quotes."""

import contextlib
import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote br dd div dl dt fieldset footer form h1 h2 h3 h4 h5 h6 header hr li main ol "
        "p pre section table tr ul",
    )
)
_UNSEEN = frozenset({"head", "script", "style", "title", "template"})
_VOID = frozenset(
    re.findall(r"\w+", "area base br col embed hr img input link meta source track wbr"),
)
# How mail programs mark what they quote: Gmail, Yahoo, Outlook, Thunderbird, Apple Mail, ProtonMail, NetEase, QQ.
_QUOTES = frozenset(
    {"gmail_quote", "gmail_quote_container", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote"}
)
_QUOTE_IDS = frozenset(
    {"isreplycontent", "divrplyfwdmsg", "appendonsend", "mail-editor-reference-message-container"}
)
_TO_THE_END = frozenset({"divrplyfwdmsg", "appendonsend"})
_DEPTH_MAX = 200
_LENGTH_MAX = 300_000


def text_from_html(html: str) -> str:
    """The text; never raises.

    >>> text_from_html('<p>Yes,&nbsp;Friday.</p><div class="gmail_quote">On Monday you wrote</div>')
    'Yes, Friday.'
    """
    reader = _Reader()
    with contextlib.suppress(AssertionError, ValueError, RecursionError):  # what was read until there stands
        reader.feed(html[:_LENGTH_MAX] + "\n")
    # Where a tag or a comment never ends, close() would try again from every character; the rest is read as text.
    reader.handle_data(re.sub(r"<[^<>]*>?", " ", reader.rawdata))
    lines = (" ".join(line.split(" ")).strip() for line in "".join(reader.pieces).split("\n"))
    return "\n".join(lines).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._open: list[str] = []
        self._hidden_at: int | None = None
        self._is_over = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n")
        if _is_end(attrs):
            self._is_over = True
        if tag in _VOID or len(self._open) >= _DEPTH_MAX:
            return
        self._open.append(tag)
        if self._hidden_at is None and (tag in _UNSEEN or _is_quote(tag, attrs)):
            self._hidden_at = len(self._open)

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n")
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if self._hidden_at is not None and len(self._open) < self._hidden_at:
            self._hidden_at = None

    def handle_data(self, data: str) -> None:
        if self._hidden_at is None and not self._is_over:
            self.pieces.append(re.sub(r"\s+", " ", data))


def _is_quote(tag: str, attrs: list[tuple[str, str | None]]) -> bool:
    values = {name: (value or "").lower() for name, value in attrs}
    is_cited = tag == "blockquote" and ("cite" in values.get("type", "") or "cite" in values)
    has_class = not _QUOTES.isdisjoint(values.get("class", "").split())
    return is_cited or has_class or tag == "includetail" or values.get("id", "") in _QUOTE_IDS


def _is_end(attrs: list[tuple[str, str | None]]) -> bool:
    return any(name == "id" and (value or "").lower() in _TO_THE_END for name, value in attrs)
