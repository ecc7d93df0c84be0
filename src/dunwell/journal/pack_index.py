"""The index of a pack of evidence, for a person to read: what happened, in order, in plain words."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from dunwell.journal.canonical import instant_text
from dunwell.journal.heads import Head
from dunwell.journal.keys import fingerprint
from dunwell.journal.kinds import KINDS

_PAGE = Markup(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Evidence: customer {customer}</title>
<style>
body {{ font: 16px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #ccc; }}
td.at {{ white-space: nowrap; font-variant-numeric: tabular-nums; }}
pre {{ white-space: pre-wrap; margin: .3rem 0 0; font: inherit; background: #f3f3f3; padding: .4rem .6rem; }}
code {{ overflow-wrap: anywhere; }}
</style></head><body>
<h1>Evidence about customer {customer}</h1>
<p>Made {made_at}. The journal's head was signed {sealed_at} over {tree_size} events with key <code>{key_id}</code>.
Check this pack with <code>dunwell evidence verify-pack FILE</code>: it needs no database and shows nobody else's data.
Compare the key with the one that the lender has published.</p>
<h2>What happened</h2>
<table><thead><tr><th>When (UTC)</th><th>What</th><th>Details</th></tr></thead><tbody>{rows}</tbody></table>
<h2>Files</h2><ul>{files}</ul>
</body></html>
"""
)


def index_page(
    customer_id: str,
    events: Sequence[Mapping[str, Any]],
    opened: Mapping[str, tuple[str, bytes]],
    files: Mapping[str, bytes],
    head: Head,
    now: datetime,
) -> str:
    """The page: one row an event, in the order in which they happened."""
    rows = Markup().join(
        _row(event, opened)
        for event in sorted(events, key=lambda event: (event["happened_at"], event["leaf_index"]))
    )
    return _PAGE.format(
        customer=customer_id,
        made_at=instant_text(now),
        sealed_at=head.sealed_at,
        tree_size=f"{head.tree_size:,}",
        key_id=fingerprint(head.public_key),
        rows=rows,
        files=Markup().join(Markup("<li>{}</li>").format(name) for name in sorted(files)),
    )


def _row(event: Mapping[str, Any], opened: Mapping[str, tuple[str, bytes]]) -> Markup:
    body = json.loads(event["body"])
    personal = body.pop("personal", {})
    kind = KINDS.get(event["kind"])
    details = Markup("<br>").join(
        Markup("<b>{}</b>: {}").format(name.replace("_", " "), _plain(value))
        for name, value in body.items()
        if value not in (None, "", [], {})
    )
    texts = Markup().join(
        Markup("<pre><b>{}</b>: {}</pre>").format(name, opened[item["item"]][0])
        if item["item"] in opened
        else Markup("<pre><b>{}</b>: erased</pre>").format(name)
        for name, item in personal.items()
    )
    means = kind.means if kind is not None else ""
    return Markup('<tr><td class="at">{}</td><td><b>{}</b><br>{}</td><td>{}{}</td></tr>').format(
        event["happened_at"][:19].replace("T", " "), event["kind"], means, details, texts
    )


def _plain(value: Any) -> Markup:
    if isinstance(value, list):
        return Markup(", ").join(_plain(inner) for inner in value)
    if isinstance(value, dict):
        return Markup(" · ").join(_plain(inner) for inner in value.values())
    return escape(value)
