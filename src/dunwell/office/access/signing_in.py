"""Signing in: nobody makes an account of their own; an administrator does."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter


class NoSignUp(DefaultAccountAdapter):  # type: ignore[misc]  # it has no types
    """People are added by an administrator."""

    def is_open_for_signup(self, request: Any) -> bool:
        """Never."""
        return False
