"""Columns find their fields by their names, by a mapping, or by what stands in them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.leads.columns import ATTRIBUTE_PREFIX, plan_columns, slug
from campaigns.leads.errors import FileRefused, MappingInvalid


def targets(headers: list[str], rows: list[list[str]] | None = None, **mapping: str) -> list[str]:
    return [column.target for column in plan_columns(headers, rows or [], mapping)]


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("E-Mail", "email"), ("email address", "email"), ("EMAIL", "email"), (" e_mail ", "email"),
        ("E-Mail-Adresse", "email"), ("Adresse e-mail", "email"), ("Courriel", "email"), ("E-mail 1 - Value", "email"),
        ("correo electronico", "email"), ("電子郵件", "email"), ("メールアドレス", "email"),
        ("Электронная почта", "email"),
    ],
)  # fmt: skip
def test_addresses_are_known_by_many_names(header, field) -> None:
    assert targets([header]) == [field]


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Vorname", "first_name"), ("prénom", "first_name"), ("PRENOM", "first_name"), ("nombre", "first_name"),
        ("Given Name", "first_name"), ("Имя", "first_name"), ("Nachname", "last_name"), ("apellidos", "last_name"),
        ("Surname", "last_name"), ("姓", "last_name"), ("Full Name", "name"), ("Nome completo", "name"),
        ("Sprache", "language"), ("Preferred language", "language"), ("time_zone", "time_zone"),
        ("Fuseau horaire", "time_zone"), ("часовой пояс", "time_zone"), ("Tags", "tags"), ("Schlagwörter", "tags"),
        ("Lieblingsfarbe", "attributes.lieblingsfarbe"), ("Größe (cm)", "attributes.grosse_cm"),
        ("List", "attributes.list"), ("город", "attributes.город"), ("都市", "attributes.都市"),
        ("2nd city", "attributes.n2nd_city"), ("__x__", "attributes.x"), ("?!", "attributes.column_2"),
        ("", "attributes.column_2"),
    ],
)  # fmt: skip
def test_other_fields_are_known_by_many_names_and_the_rest_are_attributes(header, field) -> None:
    assert targets(["email", header]) == ["email", field]


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        (["Vorname", "Name"], ["first_name", "last_name"]),
        (["Prénom", "Nom"], ["first_name", "last_name"]),
        (["Nom"], ["name"]),
        (["Nome", "Cognome"], ["first_name", "last_name"]),
        (["Naam", "Achternaam"], ["first_name", "last_name"]),
        (["Last name"], ["last_name"]),
        (["Name"], ["name"]),
        (["First name", "Last name", "Full name"], ["first_name", "last_name", "attributes.full_name"]),
    ],
)
def test_name_means_what_the_columns_beside_it_leave_over(headers, fields) -> None:
    assert targets(["email", *headers]) == ["email", *fields]


def test_a_field_has_one_column_and_an_attribute_too() -> None:
    assert targets(["E-mail", "Email", "City", "city", "CITY "]) == [
        "email", "attributes.email", "attributes.city", "attributes.city_2", "attributes.city_3",
    ]  # fmt: skip


def test_a_mapping_overrides_names_by_header_or_number() -> None:
    headers = ["Email", "Work mail", "Name", "City"]
    mapping = {"work mail": "email", "3": "ignore", "City": "attributes.Home Town"}
    assert targets(headers, **mapping) == ["attributes.email", "email", "ignore", "attributes.home_town"]


def test_a_mapped_whole_name_beats_guessed_parts() -> None:
    assert targets(["email", "First name", "Contact"], Contact="name") == ["email", "attributes.first_name", "name"]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"Mail": "email"}, "no column 'Mail'. Its columns: Email, City"),
        ({"3": "email"}, "no column '3'"),
        ({"0": "email"}, "no column '0'"),
        ({"City": "town"}, "'town' is no field for the column 'City'. Fields: email, first_name"),
        ({"City": "attributes."}, "'attributes.' is no field"),
        ({"City": "attributes.?"}, "is no field"),
        ({"City": "email", "Email": "email"}, "Two columns are mapped to email"),
        ({"City": "attributes.a b", "Email": "attributes.A_B"}, "Two columns are mapped to attributes.a_b"),
        ({"City": "tags", "2": "ignore"}, "mapped twice"),
        ({"City": "name", "Email": "first_name"}, "not to both"),
    ],
)
def test_a_mapping_that_does_not_fit_names_the_column(mapping, message) -> None:
    with pytest.raises(MappingInvalid) as raised:
        targets(["Email", "City"], **mapping)
    assert message in str(raised.value)


def test_a_column_of_addresses_is_found_whatever_it_is_called() -> None:
    rows = [["1", "ann@example.com"], ["2", ""], ["3", "bob@example.com"]]
    assert targets(["id", "Kontakt"], rows) == ["attributes.id", "email"]
    assert targets(["", ""], rows) == ["attributes.column_1", "email"]


def test_without_addresses_the_columns_are_named() -> None:
    with pytest.raises(FileRefused, match=r"No column holds e-mail addresses.*Columns found: id, Kontakt"):
        targets(["id", "Kontakt"], [["1", "Ann"]])


@pytest.mark.parametrize(
    ("values", "target"),
    [
        (["subscribed", "Unsubscribed", ""], "status"), (["active", "cleaned"], "status"),
        (["active", "inactive"], "attributes.status"), (["customer"], "attributes.status"), ([], "status"),
    ],
)  # fmt: skip
def test_a_status_is_ours_only_when_it_speaks_of_subscriptions(values, target) -> None:
    assert targets(["email", "Status"], [["a@example.com", value] for value in values])[1] == target


def test_the_columns_of_a_rejects_file_are_passed_over() -> None:
    assert targets(["line", "result", "reason", "email"]) == ["ignore", "ignore", "ignore", "email"]
    assert targets(["email", "line"]) == ["email", "attributes.line"]


def test_too_many_columns_are_refused() -> None:
    with pytest.raises(FileRefused, match="501 columns; at most 500"):
        targets(["email"] * 501)


@example(["\U0001d71c"])
@given(st.lists(st.text(max_size=20), min_size=1, max_size=12))
def test_any_headers_make_different_spellable_attributes(headers) -> None:
    columns = plan_columns(["email", *headers], [], {})
    attributes = [column.attribute for column in columns if column.target.startswith(ATTRIBUTE_PREFIX)]
    assert len(set(attributes)) == len(attributes)
    assert all(slug(name) == name for name in attributes)
