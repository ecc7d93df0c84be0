"""Text messages: over SMPP 3.4 to an operator or aggregator, or over a provider's HTTP interface.

``read_sms_settings`` reads ``[outreach.sms]``; ``SmppSender`` and ``HttpSender`` carry messages and answer for each;
receipts and replies come back through SmppSender's ``on_inbound`` or as webhooks (``parse_webhook``).
"""
