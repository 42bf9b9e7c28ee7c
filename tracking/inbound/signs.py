"""Words by which messages that came back are known, in the languages of the servers that write them."""

# ruff: noqa: RUF001

from __future__ import annotations

import re

_FLAGS = re.IGNORECASE


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), _FLAGS)


DAEMON = _any(
    r"mailer[-_. ]?daemon", r"post[-_]?master", r"mail[-_. ]delivery", r"\bmdaemon\b", r"\bndr@",
    r"mail[-_. ]?system",
    r"microsoftexchange", r"mail[-_. ]service", r"delivery (?:sub)?system", r"\bmailer@", r"\bbounces?@",
    r"mail administrator", r"mail server", r"delivery[-_. ](?:notification|failure|status)", r"\bmailadm",
)  # fmt: skip

FAILURE = _any(
    r"undeliver", r"un-?able to (?:be )?deliver", r"un-?able to send", r"non[- ]?delivery",
    r"not (?:be|been) (?:\w+ )?delivered",
    r"not delivered",
    r"(?:delivery|mail|message|sending|transmission)[\w ]{0,24} (?:fail|error|problem|reject|abort|delay)",
    r"fail(?:ed|ure)? (?:to deliver|delivery|mail|notice|permanently)",
    r"error (?:delivering|sending|in mail|during delivery)",
    r"trouble delivering", r"return(?:ed|ing) (?:mail|message|to sender|e-?mail)",
    r"delivery (?:status )?(?:notification|report)",
    r"delivery[\w ]{0,60}(?:failed|delayed|aborted|unsuccessful)", r"did not (?:reach|receive)", r"does not exist",
    r"no such (?:user|account|mailbox)", r"(?:user|recipient|mailbox)(?: is)? unknown",
    r"unknown (?:user|recipient|local)",
    r"wasn'?t able to deliver", r"(?:cannot|can'?t|could ?n[o']t) (?:be )?(?:deliver|sen[dt])",
    r"permanent (?:fatal )?error",
    r"(?:was|been) (?:automatically )?rejected", r"over ?quota", r"mailbox (?:is )?(?:full|unavailable|exceeds)",
    r"bounced",
    r"mail delivery (?:status|report|problem)", r"malformed recipient", r"invalid (?:user|recipient|mailbox)",
    r"(?:user|recipient)s? [\w ]{0,12}not found",
    # German, Dutch, Nordic
    r"unzustellbar", r"nicht zugestellt", r"nicht zustell", r"zustellung.{0,40}fehl", r"onbestelbaar",
    r"niet (?:worden )?(?:af)?geleverd",
    r"kunne ikke leveres", r"kan(?: inte|de inte)? levereras", r"olevererbar", r"ei voitu toimittaa",
    # French, Spanish, Portuguese, Italian
    r"non remis", r"pas pu (?:être|etre) (?:remis|délivré|livré|distribué|envoyé)",
    r"échec de (?:la )?(?:remise|distribution)",
    r"non distribu", r"no (?:se )?(?:ha |pudo |puede )?(?:podido )?(?:ser )?entreg", r"no entregad", r"devuelto",
    r"n[aã]o (?:foi|p[oô]de|entreg)[\w ]{0,30}(?:entreg|enviad)?", r"devolvid",
    r"mancat[oa] (?:consegna|recapito)", r"non (?:è stato )?(?:recapitat|consegnat)",
    r"impossibile (?:recapitare|consegnare)",
    # Slavic, Turkish, Greek
    r"не ?доставлен", r"не может быть доставлен", r"невозможно доставить", r"недоставк", r"не вдалося доставити",
    r"nie (?:został[ao]? )?dostarcz", r"niedostarcz", r"nelze doručit", r"nedoručiteln", r"teslim edilemedi",
    r"iletilemedi", r"δεν (?:ήταν δυνατή|παραδόθηκε)",
    # Chinese, Japanese, Korean
    r"退信", r"无法(?:投递|送达|发送)", r"無法(?:投遞|傳遞|送達)", r"(?:投递|传输|发送|投遞|傳送)失[败敗]",
    r"送信(?:でき|不能|エラー|に失敗)", r"送信を?完了できません",
    r"配(?:信|送)(?:でき|不能|エラー|に失敗)", r"エラー(?:通知|メール)",
    r"宛先.{0,20}(?:不明|存在しません|見つかりません)", r"반송",
    r"(?:전송|배달)(?:하지| ?실패|되지)",
)  # fmt: skip

# an attempt goes on: nobody has given up on the address
DELAYED = _any(
    r"warning message only", r"(?:has|have) not yet been delivered", r"not yet been (?:able|received)",
    r"(?:has been|is|was|message|mail|delivery|still) delayed", r"delivery (?:status notification )?\(?delay",
    r"will (?:continue|keep|be retried|retry|try again)", r"still (?:trying|being retried)",
    r"do not need to re-?send",
    r"not been able to deliver[\w ]{0,40} yet", r"temporary (?:failure report|non-delivery)",
    r"noch nicht zugestellt", r"wird weiterhin versucht",
)  # fmt: skip

# nobody can say what is wrong with the address: its server was not reached in time
EXPIRED = _any(
    r"retry time(?:out)? (?:exceeded|not reached)", r"in the queue too long",
    r"for the last \d+ (?:seconds|minutes|hours|days)",
    r"not delivered within", r"failing for a long time", r"did not accept our requests to connect", r"socket error",
    r"(?:connection|operation|session) timed? ?out", r"delivery time expired", r"message expired",
    r"unable to connect to remote",
    r"host (?:is )?not respond", r"server did not respond", r"aborted after [\d.]+ (?:hour|day|minute)",
    r"could not be reached",
    r"too many hops", r"hop count exceeded", r"mail (?:forwarding )?loop",
)  # fmt: skip

AWAY_SUBJECT = _any(
    r"out of (?:the |my )?office",
    r"^\s*(?:re: ?)?auto(?:matic)?[- ]?(?:matically )?(?:re(?:ply|sponse|sponder)|:|answer)",
    r"\bauto[- ]?re(?:ply|sponse|sponder)", r"automatic (?:reply|response)", r"\bvacation\b",
    r"on (?:holiday|leave)", r"away from (?:my|the)",
    r"abwesen", r"automatische antwort", r"nicht im (?:büro|buero|haus)", r"urlaub", r"absence", r"absent du bureau",
    r"r[ée]ponse automatique", r"respuesta autom[aá]tica", r"fuera de (?:la )?oficina", r"ausente",
    r"resposta autom[aá]tica",
    r"fuori (?:sede|ufficio)", r"risposta automatica", r"assenza", r"afwezig", r"automatisch antwoord",
    r"automatiskt? svar", r"frånvaro", r"fravær",
    r"автоответ", r"автоматический ответ", r"нет на месте", r"в отпуске", r"autoodpowied", r"nieobecn",
    r"automatická odpověď", r"nepřítomn",
    r"自動(?:応答|返信|回覆)", r"自动(?:回复|答复)", r"不在", r"부재 ?중", r"자동 ?(?:응답|회신)", r"otomatik yanıt",
)  # fmt: skip

AWAY_TEXT = _any(
    r"out of (?:the |my )?office",
    r"i(?: am|'m| will be) (?:currently )?(?:away|on (?:vacation|holiday|leave)|not in the office|traveling"
    r"|travelling)",
    r"on (?:annual|parental|maternity|sick) leave", r"when i (?:return|get back|am back)",
    r"limited access to (?:my )?e-?mail",
    r"ich bin (?:derzeit |bis |im |vom |ab )?.{0,40}(?:abwesend|nicht erreichbar|urlaub)",
    r"nicht im (?:büro|haus)", r"je suis (?:actuellement )?(?:absent|en cong)", r"estaré? (?:fuera|ausente)",
    r"estou (?:ausente|de férias)", r"sono (?:assente|fuori|in ferie)",
    r"ben ik (?:afwezig|niet aanwezig)", r"休暇", r"不在",
)  # fmt: skip

ARRIVED = _any(
    r"success(?:fully|ful) (?:been )?(?:delivered|relayed|delivery)", r"(?:delivered|relayed) successfully",
    r"delivery[\w ]{0,20} successful\b",
    r"^relayed:", r"^delivered:",
)  # fmt: skip

# how the subject of an answer begins
ANSWER = ("re:", "aw:", "fwd:", "fw:", "sv:", "wg:", "rv:", "tr:", "vs:")

COMPLAINT = _any(
    r"e-?mail (?:abuse|feedback) report", r"complaint about message from", r"feedback loop (?:report|complaint)"
)
