"""E-mail: approved texts as accessible, signed messages, handed to a relay, each once; and what comes back.

``render`` makes a message, ``EmailSender`` carries messages to the relay, ``parse_receipt`` and
``parse_unsubscribe_post`` read what comes back about them, ``parse_reply`` what people answer.
"""
