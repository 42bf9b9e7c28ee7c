"""Example answers for the reference page, made from the schemas: always whole, and never older than the code."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

# by the name of a field; what does not stand here follows from its type
VALUES: dict[str, Any] = {
    "email": "ada@example.com", "to": "ada@example.com", "to_address": "ada@example.com", "address": "ada@example.com",
    "named": "ada@example.com", "value": "ada@example.com", "from_email": "news@acme.example", "reply_to": "",
    "first_name": "Ada", "last_name": "Lovelace", "language": "en", "time_zone": "Europe/London", "tags": ["customer"],
    "attributes": {"city": "London"}, "name": "Spring", "title": "Spring", "subject": "Hello {{ lead.first_name }}",
    "body": "<p>Hello</p>", "body_format": "html", "condition": {"field": "language", "op": "is", "value": "en"},
    "words": "Leads where language is “en”.", "next": "WzQyXQ:3vPzq", "detail": "", "state": "sending",
    "status": "subscribed", "url": "https://shop.example.com/", "label": "Shop", "source": "API key “Shop”",
    "health": "Well", "kind": "open", "who": "human", "data": None, "metadata": {}, "secret": "whsec_c2VjcmV0",
    "kinds": ["message.sent"], "state_reason": "", "error": "", "answer": "", "can_be_sent": True, "problems": [],
    # as in a campaign under way: all add up to the audience
    "audience": 1000, "pending": 140, "deferred": 3, "sent": 850, "bounced": 4, "failed": 1, "dead": 0, "skipped": 2,
    "unknown": 0, "opened": 310, "clicked": 62, "unsubscribed": 2, "complained": 0, "code": 250,
    "scheduled_at": None, "finished_at": None, "disabled_at": None, "tried_again_at": None, "send_at": None,
    "next_before": None,
}  # fmt: skip
# where a field means something else than elsewhere
BY_SCHEMA: dict[str, Json] = {
    "ProviderOut": {"name": "Relay", "kind": "smtp", "state": "active", "rate_per_second": 100, "rate_per_hour": None,
                    "rate_per_day": None, "accepted_today": 48_200},
    "PoolOut": {"name": "Newsletters", "stream": "marketing", "is_default": False},
    "ChosenPoolOut": {"name": "Newsletters", "why": "chosen for this campaign"},
    "GuardrailOut": {"bounces": None, "complaints": 0.1, "deferrals": None, "unknowns": None,
                     "limits": {"bounces": 5, "complaints": 0.1, "deferrals": 90, "unknowns": 50}},
    "TopicOut": {"name": "Offers", "description": "Twice a month, never more."},
    "FeedOut": {"entries": 48_200},
    "FeedLoadedOut": {"loaded": 9_998, "repeated": 1, "unknown": 1},
    "FeedLineOut": {"line": 17, "detail": "There is no lead gone@example.com."},
    "GroupOut": {"mailbox_group": "gmail", "total": 1200, "counts": {"accepted": 1190, "throttled": 10}},
    "DeliveryOut": {"event_id": "evt_1", "kind": "message.sent", "state": "delivered", "due_at": None, "status": 200},
    "ListListed": {"name": "Newsletter", "title": "Our news"}, "ListOut": {"name": "Newsletter", "title": "Our news"},
    "MomentOut": {"kind": "email", "title": "Sent", "detail": "250 2.0.0 ok", "who": "", "campaign": "Spring"},
    "SuppressionOut": {"source": "bounce"}, "PersonOut": {"lead_id": 17},
}  # fmt: skip
BY_FORMAT = {
    "date-time": "2026-05-04T09:00:00Z", "date": "2026-05-04", "time": "09:00:00",
    "uuid": "0197a3c4-5b6d-7e8f-9a0b-1c2d3e4f5a6b", "email": "ada@example.com", "uri": "https://example.com/",
}  # fmt: skip
MOST_DEEP = 6


def add_examples(schema: Json) -> None:
    """Give every answer of 200, 201 and 202 that has a JSON body an example."""
    components: Json = schema["components"]["schemas"]
    for methods in schema["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json")
                if content and int(status) < 300 and "example" not in content:
                    content["example"] = example(content["schema"], components)


def example(schema: Json, components: Json, name: str = "", depth: int = 0) -> Any:
    """A value that fits the schema. name: of the field that has it."""
    if "$ref" in schema:
        title = schema["$ref"].rpartition("/")[2]
        made = example(components[title], components, name, depth)
        return {**made, **BY_SCHEMA[title]} if title in BY_SCHEMA else made
    if "const" in schema or "enum" in schema:
        choices = schema.get("enum") or [schema["const"]]
        return VALUES[name] if VALUES.get(name) in choices else choices[0]
    if "anyOf" in schema:
        kinds = [one for one in schema["anyOf"] if one.get("type") != "null"]
        is_empty = len(kinds) < len(schema["anyOf"]) and VALUES.get(name, "") is None
        return None if is_empty or depth > MOST_DEEP else example(kinds[0], components, name, depth)
    if schema.get("type") == "object" or "properties" in schema:
        fields: Json = schema.get("properties", {})
        return {key: example(one, components, key, depth + 1) for key, one in fields.items()} or VALUES.get(name) or {}
    return _simple(schema, components, name, depth)


def _simple(schema: Json, components: Json, name: str, depth: int) -> Any:
    known, kind = VALUES.get(name), schema.get("type")
    if kind == "array":
        is_of_texts = schema.get("items", {}).get("type") == "string"
        if isinstance(known, list) and (is_of_texts or not known):
            return known
        return [] if depth > MOST_DEEP else [example(schema.get("items", {}), components, "", depth + 1)]
    if kind == "string":
        return BY_FORMAT.get(schema.get("format", "")) or (known if isinstance(known, str) else "")
    if kind in ("integer", "number"):
        return known if isinstance(known, int) else max(1, schema.get("minimum", 1))
    return known is not False if kind == "boolean" else known
