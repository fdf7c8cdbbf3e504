"""What looks personal or secret is masked in all that leaves: for a model, for Slack, for a page.

By the name of its field, and by itself: card numbers (Luhn), Korean resident registration numbers
(their date and checksum), e-mail addresses and telephone numbers. Whatever is shown goes through
`clean` of filters.py, which masks by this module; nothing else does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

MASK = "•••"
# As the end of a field's name, without case, blanks and hyphens: userPassword, customer_email.
ENDINGS = (
    *("cardnumber", "cardno", "cardexpiry", "cvc", "cvv", "password", "passwd", "secret", "token"),
    *("authorization", "apikey", "privatekey", "residentnumber", "ssn", "rrn", "주민등록번호"),
    *("phone", "phonenumber", "mobile", "email", "customername", "buyername", "cardholder"),
    *("cardholdername", "birthdate", "birthday", "accountnumber", "accountno", "bankaccount"),
)
_WHOLE = ("pan", "tel", "pin", "jumin")  # too short to be the end of any name
_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_also: set[str] = set()

_SUSPECT = re.compile(r"""\d[\d -]{5}|@|\\*+"\s*+:|\w=""")
_FIELD = re.compile(
    r"""(?<!\\)(?P<before>\\*+"(?P<key>[^"\\]{2,40}+)\\*+"\s*+:\s*+)"""
    r"""(?:(?P<quote>\\*+")[^"\\]*+(?:\\*+")?|[-+\d.]++)"""
)
_PAIR = re.compile(r"(?<![\w-])(?P<before>(?P<key>[^\W\d][\w-]{1,40}+)=)[^\s,;&)\]}\"'=]++")
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,8}")
_DIGITS = re.compile(r"(?<![\w.])\+?\d(?:[ -]?\d){6,18}+(?![\w])")
_CUT = re.compile(r"(?<![\w.])\d(?:[ -]?\d){6,18}+(?=…$)")
_PHONE = re.compile(r"(?:0|\+?82[ -]?0?)1[016789][ -]?\d{3,4}[ -]?\d{4}|\+\d[\d -]{7,17}")


def mask_also(names: Iterable[str]) -> None:
    """Mask the fields of these names, too: for the whole process, as it is configured."""
    _also.update(map(_bare, names))


def is_masked(name: str) -> bool:
    """Whether a field of this name is never shown."""
    bare = _bare(name)
    return bare in _WHOLE or bare in _also or bare.endswith(ENDINGS)


def masked(text: str) -> str:
    """A text without what looks personal or secret in it."""
    if not _SUSPECT.search(text):
        return text
    text = _FIELD.sub(_of_field, text)
    text = _PAIR.sub(_of_field, text)
    text = _MAIL.sub(_of_mail, text)
    text = _DIGITS.sub(_of_digits, text)
    return _CUT.sub(MASK, text)


def _of_field(match: re.Match[str]) -> str:
    if not is_masked(match["key"]):
        return match[0]
    quote = match.groupdict().get("quote") or ""
    return f"{match['before']}{quote}{MASK}{quote}"


def _of_mail(match: re.Match[str]) -> str:
    """Whose it is stays to be guessed by who knows them: k•••@example.com."""
    return f"{match[0][0]}{MASK}@{match[0].partition('@')[2]}"


def _of_digits(match: re.Match[str]) -> str:
    bare = "".join(filter(str.isdigit, match[0]))
    personal = _is_card(bare) or _is_resident(bare) or _PHONE.fullmatch(match[0])
    return MASK if personal else match[0]


def _is_card(digits: str) -> bool:
    """14 to 16 or 19 digits as card schemes give them out, with Luhn's check digit."""
    if len(digits) not in (14, 15, 16, 19) or digits[0] not in "34569":
        return False
    odd, even = digits[-1::-2], digits[-2::-2]
    return (sum(map(int, odd)) + sum(sum(divmod(2 * int(d), 10)) for d in even)) % 10 == 0


def _is_resident(digits: str) -> bool:
    """Six digits of a date of birth, one of sex and century, and the check digit of the whole."""
    if len(digits) != 13 or digits[6] not in "12345678":
        return False
    century = 1900 if digits[6] in "1256" else 2000
    try:
        date(century + int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return False
    weighed = sum(int(d) * w for d, w in zip(digits[:12], _WEIGHTS, strict=True))
    return (11 - weighed % 11) % 10 == int(digits[12])


def _bare(name: str) -> str:
    return "".join(ch for ch in name.lower() if ch not in "_- .")
