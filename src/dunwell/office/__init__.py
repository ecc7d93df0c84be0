"""Where people work: the collector's desk, supervision, compliance, analytics, the API; one Django project over the other rooms.

Every page shows what the core computes; nothing is decided here that the core does not decide.
"""
