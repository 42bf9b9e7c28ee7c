"""What was typed into a form, checked."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.http import QueryDict

from campaigns import addresses, questions
from campaigns.models import SubscriptionForm


@dataclass(frozen=True, slots=True)
class Submission:
    """email: normalised. answers: by field, without empty ones. list_ids: those of the form, or the chosen ones."""

    email: str
    list_ids: list[int]
    declined_topics: list[int] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)


def read(form: SubscriptionForm, post: QueryDict) -> tuple[Submission | None, dict[str, str]]:
    """The submission, or None and what is wrong by the name of the field. Nothing is looked up about the address."""
    errors: dict[str, str] = {}
    email = ""
    try:
        email = addresses.normalise(post.get("email", "")[:400])
    except addresses.AddressInvalid as error:
        errors["email"] = (
            f"This is not an e-mail address: {error}" if post.get("email") else "Please write your e-mail address."
        )
    answers: dict[str, str] = {}
    for question in questions.from_json(form.questions):
        try:
            text = questions.answer(question, post.get(question.field, ""))
        except questions.AnswerInvalid as invalid:
            errors[question.field] = str(invalid)
        else:
            answers |= {question.field: text} if text else {}
    if post.get("consent") != "yes":
        errors["consent"] = "Please tick the box if you would like to get our e-mails."
    list_ids = list(form.lists.values_list("pk", flat=True))
    if form.people_choose_lists:
        list_ids = sorted(set(list_ids) & _ids(post, "list"))
        if not list_ids:
            errors["list"] = "Please choose at least one list."
    offered = set(form.topics.values_list("pk", flat=True))
    declined = sorted(offered & _ids(post, "shown_topic") - _ids(post, "topic"))
    return (None if errors else Submission(email, list_ids, declined, answers)), errors


def _ids(post: QueryDict, name: str) -> set[int]:
    return {int(text) for text in post.getlist(name) if text.isascii() and text.isdecimal() and len(text) < 19}
