"""No faster than the provider allows."""

import asyncio


class Pace:
    """Turns given out at ``per_second`` at most; a provider that asks for a pause gets it."""

    def __init__(self, per_second: float) -> None:
        self._interval_seconds = 1 / per_second
        self._next_at = 0.0

    async def turn(self) -> None:
        """Wait until one more may go."""
        now = asyncio.get_running_loop().time()
        turn_at = max(now, self._next_at)
        self._next_at = turn_at + self._interval_seconds
        if turn_at > now:
            await asyncio.sleep(turn_at - now)

    def hold(self, seconds: float) -> None:
        """No further turn is given out before this time has passed."""
        self._next_at = max(self._next_at, asyncio.get_running_loop().time() + seconds)
