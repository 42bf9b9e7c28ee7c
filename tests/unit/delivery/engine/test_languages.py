"""Refusals as servers translate them."""

# ruff: noqa: RUF001

from __future__ import annotations

import pytest

from delivery.engine.classify import BUILT_IN
from delivery.engine.outcome import Kind

UNKNOWN = (
    "Adresse invalide", "L'utilisateur n'existe pas", "Destinataire inconnu", "Empfänger unbekannt",
    "Das Postfach existiert nicht", "Onbekende gebruiker", "Dit adres bestaat niet", "Modtageren findes ikke",
    "Brukeren finnes ikke", "Mottagaren finns inte", "Vastaanottajaa ei löydy", "El usuario no existe",
    "Destinatario desconocido", "O usuário não existe", "Casella inesistente", "L'indirizzo non esiste",
    "Destinatarul nu există", "Nie ma takiego użytkownika", "Konto nie istnieje", "Uživatel neexistuje",
    "Používateľ neexistuje", "Nincs ilyen felhasználó", "Пользователь не найден", "Такого пользователя нет",
    "Користувача не знайдено", "Kullanıcı bulunamadı", "Ο χρήστης δεν υπάρχει", "用户不存在", "收件人地址不存在",
    "宛先のメールアドレスが存在しません", "宛先不明", "존재하지 않는 사용자",
    "Benutzer nicht gefunden", "Utente non trovato", "Brak takiego użytkownika", "Нет такого пользователя",
)  # fmt: skip
STOPPED = (
    "Le compte du destinataire est suspendu", "Das Konto ist gesperrt", "Postfach deaktiviert",
    "La cuenta está suspendida", "A conta está bloqueada", "La casella è sospesa", "Konto jest zablokowane",
    "Аккаунт заблокирован", "该账号已停用", "邮箱已被禁用",
)  # fmt: skip
FULL = (
    "La boîte est pleine", "Das Postfach des Empfängers ist voll", "De mailbox van de ontvanger is vol",
    "La cuenta del destinatario está llena", "Caixa postal lotada", "La casella di posta del destinatario è piena",
    "Skrzynka pocztowa jest pełna", "Schránka je plná", "A postafiók megtelt", "Postkassen er fuld",
    "Inkorgen är full", "Postilaatikko on täynnä", "Почтовый ящик переполнен", "Posta kutusu dolu", "收件人邮箱已满",
    "メールボックスの容量を超えています", "메일함이 가득 찼습니다",
)  # fmt: skip


@pytest.mark.parametrize("text", UNKNOWN)
def test_an_address_that_does_not_exist_is_hard_in_every_language(text: str) -> None:
    assert BUILT_IN.classify(550, None, text).kind is Kind.HARD


@pytest.mark.parametrize("text", FULL)
def test_a_full_mailbox_is_soft_in_every_language(text: str) -> None:
    assert BUILT_IN.classify(552, None, text).kind is Kind.SOFT
    assert BUILT_IN.classify(452, None, text).kind is Kind.SOFT


@pytest.mark.parametrize("text", STOPPED)
def test_an_account_that_was_stopped_is_soft_in_every_language(text: str) -> None:
    assert BUILT_IN.classify(550, None, text).kind is Kind.SOFT


@pytest.mark.parametrize("text", UNKNOWN)
def test_nothing_is_hard_as_long_as_the_server_says_later(text: str) -> None:
    assert BUILT_IN.classify(450, None, text).kind is not Kind.HARD
