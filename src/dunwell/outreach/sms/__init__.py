"""Text messages: over SMPP 3.4 to an operator or aggregator, or over a provider's HTTP interface.

``read_sms_settings`` reads ``[outreach.sms]``; ``SmppSender`` and ``HttpSender`` carry messages and answer for each;
receipts and replies come back through SmppSender's ``on_inbound`` or as webhooks (``parse_webhook``).
"""

from dunwell.outreach.sms.http_sender import HttpSender
from dunwell.outreach.sms.settings import HttpSettings, SmppSettings, SmsSettings, read_sms_settings
from dunwell.outreach.sms.smpp_sender import SmppSender
from dunwell.outreach.sms.splitting import TextUnfit, split_text
from dunwell.outreach.sms.webhooks import WebhookRefused, parse_webhook

__all__ = [
    "HttpSender",
    "HttpSettings",
    "SmppSender",
    "SmppSettings",
    "SmsSettings",
    "TextUnfit",
    "WebhookRefused",
    "parse_webhook",
    "read_sms_settings",
    "split_text",
]
