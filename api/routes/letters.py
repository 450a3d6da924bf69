"""Where personal links lead: answers, an end to mail, feeds. No account is needed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.answers import Done, InvitationOut, SubscriptionOut
from api.auth.guard import ActorDep, DeskDep, allow, allow_everybody
from api.forms import AnswerIn, WishIn
from matcher.workflow import alerts, invitations
from matcher.workflow.alerts import Hit, Subscription
from matcher.workflow.desk import Desk

router = APIRouter(tags=["alerts"])
Token = Annotated[str, Path(max_length=500)]
SubscriptionId = Annotated[str, Path(max_length=32)]


@router.get("/answers/{token}", **allow_everybody())
def invitation(desk: DeskDep, token: Token) -> InvitationOut:
    """Return the invitation of a personal link; it counts as opened."""
    return InvitationOut.of(invitations.by_token(desk, token))


@router.post("/answers/{token}", **allow_everybody())
def answer(desk: DeskDep, token: Token, body: AnswerIn) -> InvitationOut:
    """Answer an invitation by its personal link; another answer replaces it."""
    return InvitationOut.of(invitations.answer_by_token(desk, token, body.accepts, body.text))


@router.post("/stop/{token}", **allow_everybody())
def stop(desk: DeskDep, token: Token) -> Done:
    """Stop mail by the link that every such mail carries."""
    invitations.stop_mail(desk, token)
    return Done()


@router.get("/feeds/{token}", response_class=Response, **allow_everybody())
def feed(desk: DeskDep, token: Token) -> Response:
    """Return what a subscription has told of, as an Atom feed."""
    return Response(alerts.feed(desk, token), media_type="application/atom+xml")


@router.get("/subscriptions", **allow())
def subscriptions(desk: DeskDep, actor: ActorDep) -> list[SubscriptionOut]:
    """List one's saved searches and profiles."""
    with desk.store.reading() as connection:
        return [_out(desk, s) for s in alerts.own(connection, actor)]


@router.post("/subscriptions", status_code=201, **allow())
def subscribe(desk: DeskDep, actor: ActorDep, body: WishIn) -> SubscriptionOut:
    """Save a search or a profile, to hear of new matches by mail and feed."""
    return _out(desk, alerts.subscribe(desk, actor, body.wish()))


@router.put("/subscriptions/{subscription_id}", **allow())
def change(
    desk: DeskDep, actor: ActorDep, subscription_id: SubscriptionId, body: WishIn
) -> SubscriptionOut:
    """Change a subscription."""
    return _out(desk, alerts.change(desk, actor, subscription_id, body.wish()))


@router.delete("/subscriptions/{subscription_id}", **allow())
def unsubscribe(desk: DeskDep, actor: ActorDep, subscription_id: SubscriptionId) -> Done:
    """Delete a subscription, and its feed."""
    alerts.unsubscribe(desk, actor, subscription_id)
    return Done()


@router.get("/subscriptions/{subscription_id}/hits", **allow())
def hits(desk: DeskDep, actor: ActorDep, subscription_id: SubscriptionId) -> list[Hit]:
    """List what a subscription has told of."""
    with desk.store.reading() as connection:
        return alerts.own_hits(connection, desk, actor, subscription_id)


def _out(desk: Desk, found: Subscription) -> SubscriptionOut:
    return SubscriptionOut(subscription=found, feed=alerts.feed_link(desk, found.id))
