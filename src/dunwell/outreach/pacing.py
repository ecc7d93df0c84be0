"""How fast a provider may be used, and when: a rate shared by all workers, and quiet hours."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from dunwell.outreach.models import Pace


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``per_second`` messages, saved up for at most ``burst``. None: as many as the provider takes."""

    per_second: float | None = None
    burst: int = 50


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``opens`` to ``closes`` on the zone's clock a channel is used, over midnight where it opens later than it closes;
    outside it is quiet.
    """

    opens: time = time(0)
    closes: time = time(23, 59, 59, 999999)
    zone: str = "UTC"

    def wakes_at(self, now: datetime) -> datetime | None:
        """When the channel may be used again; None when it may now."""
        clock = ZoneInfo(self.zone)
        local = now.astimezone(clock)
        is_after, is_before = self.opens <= local.time(), local.time() <= self.closes
        if (is_after and is_before) if self.opens <= self.closes else (is_after or is_before):
            return None
        day = local.date() + timedelta(days=0 if local.time() < self.opens else 1)
        return datetime.combine(day, self.opens, clock)


def available(provider: str, rate: Rate, wanted: int, now: datetime) -> int:
    """How many of the wanted messages the provider's bucket would give now. Takes none."""
    if rate.per_second is None or wanted == 0:
        return wanted
    pace = Pace.objects.filter(provider=provider).first()
    return min(wanted, rate.burst if pace is None else _tokens_milli(pace, rate, now) // 1000)


def take(provider: str, rate: Rate, wanted: int, now: datetime) -> int:
    """How many of the wanted messages may be handed over now; they are taken from the provider's bucket.

    Within the caller's transaction, so that a claim which does not come about takes nothing.
    """
    if rate.per_second is None or wanted == 0:
        return wanted
    with transaction.atomic():
        made = Pace(provider=provider, tokens_milli=rate.burst * 1000, filled_at=now)
        Pace.objects.bulk_create([made], ignore_conflicts=True)
        pace = Pace.objects.select_for_update().get(provider=provider)
        tokens = _tokens_milli(pace, rate, now)
        count = min(wanted, tokens // 1000)
        pace.tokens_milli, pace.filled_at = tokens - count * 1000, max(now, pace.filled_at)
        pace.save(update_fields=["tokens_milli", "filled_at"])
    return count


def _tokens_milli(pace: Pace, rate: Rate, now: datetime) -> int:
    """What is in a bucket by now."""
    passed = max(0.0, (now - pace.filled_at).total_seconds())
    return min(rate.burst * 1000, int(pace.tokens_milli) + int(passed * (rate.per_second or 0.0) * 1000))
