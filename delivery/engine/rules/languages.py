"""The two refusals that servers translate: the address does not exist, and the mailbox is full.

Everything else is said in English nearly everywhere, or comes with a code that tells it.
"""

# ruff: noqa: RUF001

from __future__ import annotations

UNKNOWN = (
    # French
    "adresse * invalide|inconnue|inexistante",
    "adresse * existe pas",
    "utilisateur|destinataire|compte|boite inconnu|inconnue|inexistant|inexistante",
    "utilisateur|destinataire|compte * existe pas",
    # German, Dutch
    "empfaenger|empfänger|benutzer|postfach|adresse unbekannt|ungültig",
    "unbekannter|unbekannte|ungültiger empfaenger|empfänger|benutzer|adresse",
    "empfaenger|empfänger|benutzer|postfach|adresse * existiert nicht",
    "empfaenger|empfänger|benutzer|postfach|adresse * nicht gefunden|bekannt|vorhanden",
    "kein|keine benutzer|empfänger|empfaenger|postfach|mailbox",
    "onbekende|ongeldige gebruiker|ontvanger|geadresseerde",
    "onbekend|ongeldig adres",
    "gebruiker|ontvanger|geadresseerde|adres|postvak * onbekend|ongeldig",
    "gebruiker|ontvanger|geadresseerde|adres|postvak * bestaat niet",
    # Danish, Norwegian, Swedish, Finnish
    "modtageren|brugeren|mottakeren|brukeren|adressen|kontoen * findes|finnes|eksisterer ikke",
    "ukendt|ukjent modtager|mottaker|bruger|bruker|adresse",
    "mottagaren|användaren|adressen|kontot * finns inte",
    "okänd mottagare|användare|adress",
    "vastaanottajaa|käyttäjää|osoitetta|postilaatikkoa * ei löydy|ole",
    "tuntematon vastaanottaja|käyttäjä|osoite",
    # Spanish, Portuguese, Italian, Romanian
    "destinatario|usuario|cuenta|buzon|buzón|dirección|direccion inexistente|desconocido|desconocida|inválida",
    "destinatario|usuario|cuenta|buzon|buzón|dirección|direccion * no existe",
    "no existe * persona|usuario|cuenta|buzon|buzón|destinatario",
    "utente|destinatario|casella|indirizzo sconosciuto|inesistente",
    "utente|destinatario|casella|indirizzo * non esiste|trovato|trovata|valido",
    "caixa postal inexistente",
    "usuário|usuario|destinatário|conta|caixa inexistente|desconhecido",
    "usuário|destinatário|conta|endereço * não existe",
    "utilizatorul|destinatarul|adresa * nu există|exista",
    # Polish, Czech, Slovak, Hungarian
    "nie ma takiego|takiej użytkownika|uzytkownika|konta|adresu|odbiorcy|skrzynki",
    "brak takiego|takiej użytkownika|uzytkownika|konta|adresu|odbiorcy|skrzynki",
    "adresat|użytkownik|odbiorca nieznany",
    "użytkownik|konto|adres|odbiorca|skrzynka * nie istnieje",
    "nieznany|niepoprawny użytkownik|odbiorca|adres",
    "uživatel|příjemce|adresát|schránka|adresa * neexistuje",
    "používateľ|príjemca|adresát|schránka|adresa * neexistuje",
    "neznámý|neznámy uživatel|používateľ|příjemce|príjemca|adresát",
    "nincs ilyen felhasználó|cím|postafiók|címzett",
    "felhasználó|címzett|postafiók * nem létezik|található",
    "ismeretlen felhasználó|címzett",
    # Russian, Ukrainian, Bulgarian
    "пользователь|ящик|адрес * не найден|существует",
    "такого пользователя|адреса|ящика нет",
    "нет такого пользователя|адреса|ящика",
    "неизвестный|несуществующий пользователь|получатель|адрес",
    "користувач|користувача|адреса|адресу * не існує|знайдено",
    "потребителят|адресът * не съществува",
    # Turkish, Greek
    "kullanıcı|alıcı|adres|hesap * bulunamadı|yok|geçersiz|bilinmiyor",
    "χρήστης|παραλήπτης|διεύθυνση|λογαριασμός * δεν υπάρχει|βρέθηκε",
    # Chinese, Japanese, Korean
    "*用户不存在*", "*用戶不存在*", "*收件人不存在*", "*收件人地址不存在*", "*邮箱不存在*",
    "*帐号不存在*", "*账号不存在*",
    "*无此用户*", "*無此用戶*", "*查无此人*", "*查無此人*",
    "*が存在しません*", "*は存在しません*", "*宛先不明*",
    "*宛先が見つかり*", "*アドレスが見つかり*", "*ユーザーが見つかりません*",
    "존재하지 않는|않음 사용자|수신자|계정|주소|메일",
    "사용자를|수신자를|계정을 찾을 수 없습니다|없음",
)  # fmt: skip

SUSPENDED = (
    "compte * suspendu|bloqué|bloque|désactivé|desactive",
    "konto|postfach|benutzer * gesperrt|deaktiviert",
    "cuenta|conta * suspendida|bloqueada|desactivada|suspensa|desativada",
    "casella|account * sospesa|sospeso|disabilitata|disabilitato",
    "konto|skrzynka * zablokowane|zablokowana|zawieszone",
    "аккаунт|ящик|пользователь * заблокирован|отключен|отключён",
    "*账号已停用*", "*帐号已停用*", "*账号被禁用*", "*帐号被禁用*", "*邮箱已被禁用*", "*帐号被锁定*", "*账号被锁定*",
)  # fmt: skip

FULL = (
    "boite|boîte * pleine",
    "postfach|mailbox * voll",
    "mailbox|postbus|postvak|brievenbus * vol",
    "casilla|buzon|buzón|cuenta|bandeja * llena|lleno",
    "caixa|conta * cheia|lotada",
    "casella * piena",
    "căsuța|casuta * plină|plina",
    "skrzynka * pełna|przepełniona|zapełniona",
    "schránka * plná|plna",
    "postafiók * megtelt|betelt",
    "postkassen|innboksen|indbakken * fuld|full",
    "brevlådan|inkorgen|postlådan * full",
    "postilaatikko * täynnä",
    "ящик * переполнен",
    "переполнен * ящик",
    "скринька * переповнена",
    "kutusu|kutu|kota * dolu|doldu|aşıldı",
    "γραμματοκιβώτιο|θυρίδα * πλήρης|γεμάτο",
    "*邮箱已满*", "*郵箱已滿*", "*信箱已滿*", "*邮箱空间不足*", "*超出邮箱容量*",
    "*容量を超*", "*容量超過*", "*が一杯*", "*がいっぱい*",
    "편지함이|메일함이|용량이|용량을 * 가득|초과*",
)  # fmt: skip
