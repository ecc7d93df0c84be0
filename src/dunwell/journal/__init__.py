"""What happened, provably: append-only events, sealed into a signed hash tree, with personal data kept apart.

Every event has two times, when it happened and when we learned of it; a correction is a new event. Events hold
references and salted digests; names, numbers and texts lie encrypted in the vault, a key for each customer, so that
a person can be erased and the proof still stands.
"""
