"""The model card as a page: Markdown, and HTML that needs nothing else."""

import math

import jinja2

from dunwell.insight.scoring.card import GroupFigures, ModelCard
from dunwell.insight.scoring.fairness import GroupGap
from dunwell.insight.scoring.measures import Figure

_NAMES = {
    "auc": "AUC",
    "gini": "Gini",
    "ks": "KS",
    "brier": "Brier score",
    "log_loss": "Log-loss",
    "calibration_error": "Calibration error",
}

_PAGE = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Model card</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; }
table { border-collapse: collapse; margin: 1rem 0; } caption { text-align: left; font-weight: 600; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #ccc; text-align: left; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
</style></head><body><main>
<h1>Model card</h1>
<p>{{ card.purpose }}</p>
<dl>{% for name, value in facts %}<dt><strong>{{ name }}</strong></dt><dd>{{ value }}</dd>{% endfor %}</dl>
{% for caution in card.cautions %}<p role="note"><strong>Caution.</strong> {{ caution }}</p>{% endfor %}
<table><caption>Figures, with 95 % intervals</caption>
{% for name, figure in figures %}<tr><th scope="row">{{ name }}</th><td class="n">{{ figure }}</td></tr>{% endfor %}</table>
{% if card.reliability %}<table><caption>Predicted and actual rate, by tenth of risk</caption>
<tr>{% for head in ('predicted', 'actual', 'rows') %}<th class="n" scope="col">{{ head }}</th>{% endfor %}</tr>
{% for p, a, n in card.reliability %}<tr>
<td class="n">{{ '%.4f' % p }}</td><td class="n">{{ '%.4f' % a }}</td><td class="n">{{ n }}</td>
</tr>{% endfor %}</table>{% endif %}
<h2>Groups</h2>
{% if groups %}<table><caption>How groups are treated, with 95 % intervals</caption>
<tr>{% for head in heads %}<th scope="col">{{ head }}</th>{% endfor %}</tr>
{% for row in groups %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>
{% if gaps %}<table><caption>Each group beside everybody else; the intervals hold 95 % for all together</caption>
<tr>{% for head in gap_heads %}<th scope="col">{{ head }}</th>{% endfor %}</tr>
{% for row in gaps %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>{% endif %}
{% else %}<p>{{ card.without_groups }}</p>{% endif %}
<h2>Promotion</h2>
{% if card.promotion_blocks %}<p><strong>May not be promoted.</strong></p>
<ul>{% for block in card.promotion_blocks %}<li>{{ block }}</li>{% endfor %}</ul>
{% else %}<p>{{ may }}</p>{% endif %}
<h2>Limits</h2><ul>{% for limit in card.limits %}<li>{{ limit }}</li>{% endfor %}</ul>
<h2>Inputs</h2><p>{{ card.inputs | join(', ') }}</p>
</main></body></html>
""")

_GROUP_HEADS = (
    "group",
    "rows",
    "actual rate",
    "predicted rate",
    "predicted minus actual",
    "AUC",
    "share above the median risk",
)

_GAP_HEADS = (
    "group",
    "predicted minus actual, less that of the others",
    "treated as risky though it did not come, less that of the others",
)
_MAY = "Nothing in how it treats the groups measured above keeps it from being promoted."


def card_markdown(card: ModelCard) -> str:
    """The card as Markdown."""
    lines = ["# Model card", "", card.purpose, ""]
    lines += [f"- **{name}:** {value}" for name, value in _facts(card)]
    lines += [f"\n> Caution: {caution}" for caution in card.cautions]
    lines += ["", "## Figures", "", "| figure | value (95 % interval) |", "|---|---|"]
    lines += [f"| {_name(key)} | {figure} |" for key, figure in card.figures.items()]
    if card.reliability:
        lines += ["", "## Predicted and actual rate, by tenth of risk", ""]
        lines += ["| predicted | actual | rows |", "|---:|---:|---:|"]
        lines += [f"| {p:.4f} | {a:.4f} | {n} |" for p, a, n in card.reliability]
    lines += ["", "## Groups", ""]
    if card.groups:
        lines += [f"| {' | '.join(_GROUP_HEADS)} |", "|" + "---|" * len(_GROUP_HEADS)]
        lines += [f"| {' | '.join(cell.replace('|', '/') for cell in _row(one))} |" for one in card.groups]
    else:
        lines.append(card.without_groups)
    if card.gaps:
        lines += ["", "Each group beside everybody else; the intervals hold 95 % for all together:", ""]
        lines += [f"| {' | '.join(_GAP_HEADS)} |", "|" + "---|" * len(_GAP_HEADS)]
        lines += [f"| {' | '.join(cell.replace('|', '/') for cell in _gap(one))} |" for one in card.gaps]
    lines += ["", "## Promotion", ""]
    lines += [f"- May not be promoted. {block}." for block in card.promotion_blocks] or [_MAY]
    lines += ["", "## Limits", "", *(f"- {limit}" for limit in card.limits)]
    lines += ["", "## Inputs", "", ", ".join(f"`{name}`" for name in card.inputs), ""]
    return "\n".join(lines)


def card_html(card: ModelCard) -> str:
    """The card as an HTML page."""
    return _PAGE.render(
        card=card,
        facts=_facts(card),
        figures=[(_name(key), str(figure)) for key, figure in card.figures.items()],
        heads=_GROUP_HEADS,
        groups=[_row(one) for one in card.groups],
        gap_heads=_GAP_HEADS,
        gaps=[_gap(one) for one in card.gaps],
        may=_MAY,
    )


def _name(key: str) -> str:
    """A figure's name in words."""
    return _NAMES.get(key, key.replace("_", " ").capitalize())


def _facts(card: ModelCard) -> list[tuple[str, str]]:
    window = f"{card.window[0]} to {card.window[1]}" if card.window else "not told"
    events = f", {card.event_count:,} events: " if card.reliability else ": "
    return [
        ("Model", card.kind),
        ("Foretells", card.target),
        ("Data window", window),
        ("Learned from", f"{card.trained_row_count:,} rows"),
        ("Measured on", f"{card.row_count:,} rows{events}{card.measured_on}"),
    ]


def _row(one: GroupFigures) -> list[str]:
    return [
        one.group,
        f"{one.row_count:,}",
        _short(one.actual),
        f"{one.predicted:.3f}",
        _short(one.gap),
        _short(one.auc),
        _short(one.above_median_risk),
    ]


def _gap(one: GroupGap) -> list[str]:
    return [one.group, _short(one.error), _short(one.treatment)]


def _short(figure: Figure) -> str:
    if math.isnan(figure.value):
        return "cannot be told"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
