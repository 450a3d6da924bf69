"""What is done for everybody every night: digests, mail, expiry, retention."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from matcher.workflow import alerts, mail, privacy, suppliers
from matcher.workflow.alerts import Digests
from matcher.workflow.desk import Desk
from matcher.workflow.mail import Sent
from matcher.workflow.privacy import Cleaned


@dataclass(frozen=True)
class Notified:
    """What became of a run.

    Attributes:
        digests: Looked up and written.
        mail: Sent from the outbox.
        profiles_expired: Taken out of the index.
        cleaned: What retention took away.
    """

    digests: Digests
    mail: Sent
    profiles_expired: int
    cleaned: Cleaned

    @property
    def ok(self) -> bool:
        """Whether nobody need look: no search failed, no mail failed or is uncertain."""
        return not (self.digests.failed or self.mail.failed or self.mail.uncertain)


def notify(
    desk: Desk, again: bool = False, progress: Callable[[int, int], None] = lambda *_: None
) -> Notified:
    """Do all of it; safe at any time, and again after it was killed.

    Args:
        desk: With the service that ranks.
        again: Send the uncertain mails too.
        progress: Called with subscriptions looked up and in all.
    """
    expired = suppliers.expire(desk)
    digests = alerts.send_digests(desk, progress)
    sent = asyncio.run(mail.send(desk, again))
    return Notified(digests, sent, expired, privacy.clean(desk))
