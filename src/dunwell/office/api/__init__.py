"""The office for programs: what the desk does over HTTP, with tokens that may do little; and webhooks that tell others."""
