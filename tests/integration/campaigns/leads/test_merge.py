"""What an import does to leads that are there and to those that are not."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from django.db import connection

from campaigns.leads import imports, uploads
from campaigns.leads.errors import FileRefused
from campaigns.models import Lead, LeadImport, ListMembership, MailingList

pytestmark = pytest.mark.django_db

State = LeadImport.State


def lead(email: str) -> Lead:
    return Lead.objects.get(email=email)


def counts(row: LeadImport) -> tuple[int, int, int, int, int]:
    return row.lines, row.created_count, row.updated_count, row.repeated_count, row.rejected_count


def rejects(row: LeadImport) -> list[list[str]]:
    with Path(row.rejects_path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_new_leads_get_everything_that_the_file_says(import_file) -> None:
    row = import_file(
        "E-Mail;Vorname;Nachname;Sprache;Zeitzone;Tags;Lieblingsstadt;Bestellwert;VIP\n"
        "ANN@Gmail.com;Ann;Ames;de_AT;europe/vienna;vip, new ,vip;Graz;19.95;true\n"
        "bob@example.com;;;English;;;;5;FALSE\n"
    )
    assert (row.state, row.error) == (State.DONE, "")
    assert counts(row) == (2, 2, 0, 0, 0)
    ann, bob = lead("ann@gmail.com"), lead("bob@example.com")
    assert (ann.first_name, ann.last_name, ann.language, ann.time_zone) == ("Ann", "Ames", "de-at", "Europe/Vienna")
    assert (ann.mailbox_group, ann.status, ann.tags) == ("gmail", "subscribed", ["vip", "new"])
    assert ann.attributes == {"lieblingsstadt": "Graz", "bestellwert": 19.95, "vip": True}
    assert (bob.first_name, bob.language, bob.tags) == ("", "en", [])
    assert bob.attributes == {"bestellwert": 5, "vip": False}
    assert row.rejects_path == ""


def test_a_number_that_would_be_printed_otherwise_keeps_its_column_text(import_file) -> None:
    import_file("email,price,zip,code,orders\na@example.com,19.90,01067,7,2.5\nb@example.com,3,80331,n/a,4\n")
    with connection.cursor() as cursor:
        cursor.execute("SELECT attributes::text FROM campaigns_lead ORDER BY email")
        assert [json.loads(row[0], parse_float=str) for row in cursor.fetchall()] == [
            {"price": "19.90", "zip": "01067", "code": "7", "orders": "2.5"},
            {"price": "3", "zip": "80331", "code": "n/a", "orders": 4},
        ]


def test_known_leads_are_updated_and_never_doubled(import_file) -> None:
    Lead.objects.create(
        email="ann@example.com", first_name="Anna", last_name="Ames", language="en", tags=["old"],
        attributes={"city": "Rome", "age": 30},
    )  # fmt: skip
    row = import_file("email,first_name,last_name,tags,city,plan\nANN@EXAMPLE.COM,Ann,,new;old,Oslo,pro\n")
    assert counts(row) == (1, 0, 1, 0, 0)
    ann = Lead.objects.get()
    # an empty cell and a missing column say nothing
    assert (ann.first_name, ann.last_name, ann.language) == ("Ann", "Ames", "en")
    assert ann.tags == ["old", "new"]
    assert ann.attributes == {"city": "Oslo", "age": 30, "plan": "pro"}


def test_the_same_file_again_changes_nothing(import_file) -> None:
    content = "email,first_name,tags,city\na@example.com,Ann,x,Oslo\nb@example.com,Bob,,\n"
    import_file(content)
    before = list(Lead.objects.order_by("pk").values())
    assert counts(import_file(content)) == (2, 0, 2, 0, 0)
    assert list(Lead.objects.order_by("pk").values()) == before


def test_the_later_of_two_lines_with_one_address_wins(import_file) -> None:
    row = import_file(
        "email,first_name\na@example.com,First\nb@example.com,B\nA@EXAMPLE.com,Second\na@example.com,Third\n"
    )
    assert counts(row) == (4, 2, 0, 2, 0)
    assert lead("a@example.com").first_name == "Third"


@pytest.mark.parametrize("status", ["unsubscribed", "bounced", "complained"])
def test_who_must_not_be_mailed_keeps_that_status(import_file, status) -> None:
    Lead.objects.create(email="ann@example.com", status=status)
    import_file("email,status,first_name\nann@example.com,subscribed,Ann\nbob@example.com,active,Bob\n")
    assert (lead("ann@example.com").status, lead("ann@example.com").first_name) == (status, "Ann")
    assert lead("bob@example.com").status == "subscribed"


def test_a_file_can_bring_the_unsubscribed_along(import_file) -> None:
    Lead.objects.create(email="old@example.com")
    row = import_file(
        "email,status\nold@example.com,unsubscribed\nnew@example.com,cleaned\nkept@example.com,\n",
        mapping={"status": "status"},
    )
    assert row.rejected_count == 0
    assert lead("old@example.com").status == "unsubscribed"
    assert lead("new@example.com").status == "bounced"
    assert lead("kept@example.com").status == "subscribed"


def test_an_unknown_status_rejects_the_line_when_the_column_was_mapped(import_file) -> None:
    row = import_file("email,State\na@example.com,perhaps\nb@example.com,subscribed\n", mapping={"State": "status"})
    assert list(Lead.objects.values_list("email", flat=True)) == ["b@example.com"]
    assert "The status is unknown" in rejects(row)[1][2]


def test_list_memberships_are_added_and_nobody_is_subscribed_again(import_file) -> None:
    news = MailingList.objects.create(name="News")
    gone = Lead.objects.create(email="gone@example.com")
    asked = Lead.objects.create(email="asked@example.com")
    ListMembership.objects.create(mailing_list=news, lead=gone, status="unsubscribed")
    ListMembership.objects.create(mailing_list=news, lead=asked, status="unconfirmed")
    import_file("email\ngone@example.com\nasked@example.com\nnew@example.com\nnew@example.com\n", mailing_list=news)
    assert dict(news.memberships.values_list("lead__email", "status")) == {
        "gone@example.com": "unsubscribed",
        "asked@example.com": "unconfirmed",
        "new@example.com": "subscribed",
    }


def test_every_bad_line_is_reported_and_every_good_one_kept(import_file) -> None:
    row = import_file(
        "email,first_name,time_zone,city\n"
        "ann@example.com,Ann,Europe/Paris,Paris\n"
        'bert.example.com,=HYPERLINK("http://evil"),,\n'
        "carl@example.com,Carl,Mars/Base,Oslo\n"
        "dora@@example.com,+4912345,,@sum\n"
        "emil@example.com,Emil\n"
        f"fay@example.com,{'x' * 101},,\n"
    )
    assert row.state == State.DONE
    assert counts(row) == (6, 3, 0, 0, 3)
    assert lead("carl@example.com").time_zone == ""
    assert lead("fay@example.com").first_name == ""
    lines = rejects(row)
    assert lines[0] == ["line", "result", "reason", "email", "first_name", "time_zone", "city"]
    assert [(line[0], line[1]) for line in lines[1:]] == [
        ("3", "rejected"), ("4", "imported, but"), ("5", "rejected"), ("6", "rejected"), ("7", "imported, but"),
    ]  # fmt: skip
    assert "must have an @-sign" in lines[1][2]
    assert "time_zone: not a time zone; write a name such as Europe/Berlin" in lines[2][2]
    assert "4 columns" in lines[4][2] or "instead of 4" in lines[4][2]
    # what a spreadsheet would run as a formula is guarded
    assert lines[1][4] == '\'=HYPERLINK("http://evil")'
    assert (lines[3][4], lines[3][6]) == ("'+4912345", "'@sum")


def test_the_file_of_rejects_can_be_corrected_and_imported(import_file) -> None:
    row = import_file("email,first_name,city\nann.example.com,=Ann,Oslo\nbob@example.com,Bob,Rome\n")
    corrected = Path(row.rejects_path).read_bytes().replace(b"ann.example.com", b"ann@example.com")
    assert counts(import_file(corrected)) == (1, 1, 0, 0, 0)
    ann = lead("ann@example.com")
    assert (ann.first_name, ann.attributes) == ("=Ann", {"city": "Oslo"})


def test_sixty_attribute_columns_fit(import_file) -> None:
    names = [f"field {number}" for number in range(60)]
    import_file(f"email,{','.join(names)}\na@example.com,{','.join(str(number) for number in range(60))}\n")
    assert lead("a@example.com").attributes == {f"field_{number}": number for number in range(60)}


def test_hostile_headers_and_values_are_text_and_nothing_else(import_file) -> None:
    row = import_file(
        'email,"x\'); DROP TABLE campaigns_lead; --",%s {},attributes\n'
        'a@example.com,"\'; DELETE FROM campaigns_lead; --",\\N,"{""a"": ""\\u00e9"", ""n"": [1e3]}"\n'
        'b@example.com,\\.,a\\tb,"{""bad"": ""\\u0000""}"\n'
        'c@example.com,"tab\there","line\nend","{""inf"": 1e999}"\n'
    )
    assert (row.state, row.error) == (State.DONE, "")
    names = {"x_drop_table_campaigns_lead": "'; DELETE FROM campaigns_lead; --", "s": "\\N", "a": "é", "n": [1000.0]}
    assert lead("a@example.com").attributes == names
    assert lead("b@example.com").attributes == {"x_drop_table_campaigns_lead": "\\.", "s": "a\\tb"}
    assert lead("c@example.com").attributes == {"x_drop_table_campaigns_lead": "tab\there", "s": "line\nend"}
    assert len(rejects(row)) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"name\nAnn\n", "No column holds e-mail addresses"),
        (b"email\n", "no lead below it"),
        (b"PK\x03\x04...", "spreadsheet"),
    ],
)
def test_a_useless_file_fails_with_a_message_and_changes_nothing(import_file, content, message) -> None:
    row = import_file(content)
    assert row.state == State.FAILED
    assert message in row.error
    assert not Lead.objects.exists()


def test_a_file_that_is_gone_fails_with_a_message(import_file, write) -> None:
    path = write("email\na@example.com\n")
    row = imports.register_import(path=path, name="leads.csv")
    path.unlink()
    assert "upload the file again" in imports.run_import(row.pk).error


def test_an_import_runs_once(import_file) -> None:
    row = import_file("email\na@example.com\n")
    Lead.objects.all().delete()
    assert imports.run_import(row.pk).state == State.DONE
    assert not Lead.objects.exists()


def test_a_deleted_list_fails_the_import_whole(write, monkeypatch) -> None:
    path = write("email\na@example.com\n")
    news = MailingList.objects.create(name="News")
    row = imports.register_import(path=path, name="leads.csv", mailing_list=news)
    stage = imports.stage

    def stage_and_delete(*args):
        staged = stage(*args)
        MailingList.objects.all().delete()
        return staged

    monkeypatch.setattr(imports, "stage", stage_and_delete)
    row = imports.run_import(row.pk)
    assert row.state == State.FAILED
    assert "list was deleted" in row.error
    assert not Lead.objects.exists()


def test_the_staging_table_does_not_outlive_the_import(import_file) -> None:
    import_file("email\na@example.com\n")
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pg_temp.import_staging')")
        assert cursor.fetchone() == (None,)
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert cursor.fetchone() == (0,)


def test_uploads_are_gone_after_the_import_and_files_of_people_are_not(write) -> None:
    path = write("email\na@example.com\nbad\n")
    with path.open("rb") as file:
        upload = imports.create_import(file=file, name="C:/My files/leads.csv")
    assert upload.file_name == "leads.csv"
    kept = Path(upload.file_path)
    assert kept.parent == uploads.folder()
    assert kept.stat().st_mode & 0o777 == 0o600
    row = imports.run_import(upload.pk)
    assert not kept.exists()
    assert Path(row.rejects_path).parent == uploads.folder()
    imports.run_import(imports.register_import(path=path, name="leads.csv").pk)
    assert path.exists()


def test_an_upload_that_is_too_large_leaves_nothing_behind(write, settings) -> None:
    settings.IMPORT_MAX_BYTES = 1000
    path = write("email\n" + "a@example.com\n" * 100)
    with path.open("rb") as file, pytest.raises(FileRefused, match="larger than 1000 bytes"):
        imports.create_import(file=file, name="leads.csv")
    assert list(uploads.folder().iterdir()) == []
    assert not LeadImport.objects.exists()


def test_a_useless_upload_is_refused_where_the_person_stands(write) -> None:
    path = write("name\nAnn\n")
    with path.open("rb") as file, pytest.raises(FileRefused, match="No column holds"):
        imports.create_import(file=file, name="leads.csv")
    assert list(uploads.folder().iterdir()) == []
