"""Names in other scripts, in letters that every LaTeX can set.

pdfLaTeX stops at a letter that its fonts do not know. Columns of tables may be called by such, so
in what is set by LaTeX they are written in Latin letters, or as their number in Unicode.
"""

from __future__ import annotations

import re
import unicodedata

_CYRILLIC = {
    one: latin
    for letters, words in (
        ("абвгдежзийклмнопрсту", "a b v g d e zh z i y k l m n o p r s t u"),
        ("фхцчшщъыьэюяёіїєґ", "f kh ts ch sh shch _ y _ e yu ya yo i yi ye g"),
    )
    for one, latin in zip(letters, words.split(), strict=True)
}
_NAMED = re.compile(
    r"(?:HIRAGANA|KATAKANA|GREEK|HEBREW|ARABIC|HANGUL)\b.*\b(?:LETTER|SYLLABLE) (?:SMALL )?(\w+)$"
)
_KNOWN = 0x180
"""Code points below which LaTeX's own fonts have every letter."""


def in_latin(text: str) -> str:
    """The text with each letter of another script in Latin letters, or as its number.

    Examples
    --------
    >>> in_latin("größe, размер"), in_latin("きゃ 大"), in_latin("n ≤ 5")
    ('größe, razmer', 'kiya U+5927', 'n ≤ 5')
    """
    return text if text.isascii() else "".join(map(_letter, text))


def _letter(letter: str) -> str:
    kind = unicodedata.category(letter)
    if ord(letter) < _KNOWN or kind[0] not in "LMSCN" or kind in ("Sm", "Sc"):
        return letter
    plain = unicodedata.normalize("NFKD", letter)
    bare = "".join(one for one in plain if not unicodedata.combining(one))
    if bare.isascii():
        return bare
    known = _CYRILLIC.get(letter.lower())
    if known is None and (named := _NAMED.search(unicodedata.name(letter, ""))):
        known = named[1].lower()
    if known is None:
        return f"U+{ord(letter):04X}"
    known = known.replace("_", "")
    return known.capitalize() if letter.isupper() else known
