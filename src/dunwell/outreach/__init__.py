"""How it is said: approved texts, one folder a channel, the dispatcher that sends each message once, and the answers.

The work list becomes real messages through real protocols. Every message is permitted and recorded in one step,
and what comes back (receipts, bounces, replies) becomes events that act at once on the safe side.
"""
