"""One page on which everything that went out can be read, whatever its channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

SHOWN_MAX = 200
"""So many of each channel are shown, the newest."""

_PAGE = Markup(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sent messages</title>
<style>
body {{ font: 16px/1.5 system-ui, "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif; max-width: 52rem; margin: 2rem auto;
  padding: 0 1rem; color: #1a1a1a; background: #fff; }}
summary {{ cursor: pointer; padding: .5rem 0; border-bottom: 1px solid #ccc; }}
summary span {{ color: #555; margin-left: .6rem; }}
pre {{ white-space: pre-wrap; font: inherit; background: #f5f5f2; padding: 1rem; margin: 0 0 1rem; }}
</style></head><body>
<h1>{count} messages went out</h1>
<p>They went to this machine's practice peers: a mail server, a provider of text messages and a print folder. Nothing left
this machine.</p>
{channels}
</body></html>
"""
)
_CHANNEL = Markup("<h2>{name}: {count}</h2>\n<p>{shown}</p>\n{messages}")
_TEXT = Markup("<details><summary>{title}<span>{about}</span></summary><pre>{text}</pre></details>")
_FILE = Markup('<p><a href="{link}">{title}</a> <span>{about}</span></p>')


@dataclass(frozen=True, slots=True)
class Shown:
    """A message: its title, to whom and when, and its words, or a link to its file."""

    title: str
    about: str
    text: str = ""
    link: str = ""


def write_page(file: Path, channels: dict[str, Sequence[Shown]]) -> None:
    """Write the page. ``channels``: by name the messages of each, the newest last."""
    told = [_told(name, messages) for name, messages in channels.items() if messages]
    count = f"{sum(map(len, channels.values())):,}"
    file.write_text(_PAGE.format(count=count, channels=Markup("\n").join(told)), encoding="utf-8")


def _told(name: str, messages: Sequence[Shown]) -> Markup:
    newest = messages[::-1][:SHOWN_MAX]
    shown = "All of them." if len(newest) == len(messages) else f"The newest {len(newest):,} of them."
    lines = [
        _FILE.format(link=one.link, title=one.title, about=one.about)
        if one.link
        else _TEXT.format(title=one.title, about=one.about, text=one.text)
        for one in newest
    ]
    return _CHANNEL.format(
        name=name, count=f"{len(messages):,}", shown=shown, messages=Markup("\n").join(lines)
    )
