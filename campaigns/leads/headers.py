"""How the columns of a lead are called in the files of the world."""

# ruff: noqa: RUF001

from __future__ import annotations

import unicodedata

_NAMES = {
    "email": (
        "email, e-mail, mail, email address, e-mail-adresse, emailadresse, mailadresse, adresse e-mail, adresse mail, "
        "courriel, adresse courriel, adresse électronique, correo, correo electrónico, email 1 - value, "
        "e-mail 1 - value, indirizzo email, posta elettronica, endereço de email, e-mailadres, e-post, epost, "
        "e-postadresse, sähköposti, adres email, adres e-mail, e-posta, почта, электронная почта, эл. почта, "
        "имейл, ηλεκτρονική διεύθυνση, メール, メールアドレス, 邮箱, 电子邮件, 電子郵件, 이메일, "
        "البريد الإلكتروني, אימייל, ईमेल, subscriber email, contact email, user email, primary email"
    ),
    "first_name": (
        "first name, firstname, fname, given name, forename, vorname, prénom, nombre, nombres, primer nombre, "
        "primeiro nome, voornaam, fornavn, förnamn, etunimi, imię, jméno, ad, adı, имя, ім'я, όνομα, 名, 名前, 이름, "
        "الاسم الأول, שם פרטי, पहला नाम"
    ),
    "last_name": (
        "last name, lastname, lname, surname, family name, nachname, familienname, zuname, nom, nom de famille, "
        "apellido, apellidos, cognome, sobrenome, apelido, achternaam, etternavn, efternavn, efternamn, sukunimi, "
        "nazwisko, příjmení, soyad, soyadı, фамилия, прізвище, επώνυμο, 姓, 苗字, 성, اسم العائلة, שם משפחה, उपनाम"
    ),
    "name": (
        "name, full name, fullname, display name, contact name, vollständiger name, vor- und nachname, nom complet, "
        "nom et prénom, prénom et nom, nombre completo, nombre y apellidos, nome, nome completo, nome e cognome, "
        "volledige naam, naam, navn, namn, nimi, imię i nazwisko, ad soyad, имя и фамилия, фио, "
        "氏名, お名前, 姓名, 성명"
    ),
    "language": (
        "language, lang, locale, preferred language, sprache, langue, idioma, lengua, lingua, língua, taal, sprog, "
        "språk, kieli, język, jazyk, dil, язык, мова, γλώσσα, 言語, 语言, 語言, 언어, اللغة, שפה, भाषा"
    ),
    "time_zone": (
        "time zone, timezone, tz, zeitzone, fuseau horaire, zona horaria, fuso orario, fuso horário, tijdzone, "
        "tidszon, tidssone, aikavyöhyke, strefa czasowa, časové pásmo, saat dilimi, часовой пояс, "
        "タイムゾーン, 时区, 時區"
    ),
    "tags": (
        "tags, tag, labels, label, etiketten, schlagworte, schlagwörter, étiquettes, etiquetas, etichette, "
        "taggar, tagi, теги, метки, ετικέτες, タグ, 标签, 標籤, 태그"
    ),
    "status": "status, subscription status, email status, member status, subscriber status, statut, estado, stato",
    "attributes": "attributes",
}  # fmt: skip


def fold(header: str) -> str:
    """The header without case, accents, spaces and punctuation: "E-Mail Adresse " is "emailadresse"."""
    plain = unicodedata.normalize("NFKD", header.casefold())
    return "".join(mark for mark in plain if mark.isalnum())


FIELD_BY_HEADER = {fold(name.strip()): field for field, names in _NAMES.items() for name in names.split(",")}
