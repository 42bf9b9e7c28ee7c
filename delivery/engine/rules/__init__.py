"""What a reply means, as data: ordered rules, the first match wins.

Sources: RFC 3463, RFC 5321, RFC 7372, RFC 7504, RFC 7505, the published error pages of Gmail, Yahoo, Outlook.com,
Microsoft 365, iCloud, GMX, Orange, La Poste, Comcast, Cox, Mail.ru, QQ, NetEase and Mimecast, and the texts of
Postfix, Exim, Sendmail, qmail and Exchange. The reply code and the enhanced code can disagree (Gmail sends
`421 5.7.32`), so that no rule trusts one digit where it would suppress an address.
"""

from __future__ import annotations

from delivery.engine.rule import Rule
from delivery.engine.rules.addresses import ADDRESSES, LAST
from delivery.engine.rules.esp import ESP
from delivery.engine.rules.mailbox import MAILBOX
from delivery.engine.rules.policy import POLICY
from delivery.engine.rules.receivers import RECEIVERS

# the receivers' own codes first; then what is not about the address; then the address; then what is left
RULES: tuple[Rule, ...] = (*RECEIVERS, *MAILBOX, *POLICY, *ADDRESSES, *LAST)
# looked at before RULES for the texts of ESPs: they never stand in a reply of a mail server
ESP_RULES: tuple[Rule, ...] = ESP

__all__ = ["ESP_RULES", "RULES"]
