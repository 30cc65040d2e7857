"""References as BibTeX: one entry a reference, as far as its citation tells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from cxaxis.knowledge.evidence import Reference

# "Codipilly DC 2018. Gastrointest Endosc 88:413-26": family, initials, year, where it stands.
_WORK = re.compile(
    r"(?P<family>[^\W\d_][\w'\u2019-]*(?: [^\W\d_][\w'\u2019-]*)*?)(?: (?P<initials>[A-Z]{1,3}))? "
    r"(?P<year>(?:19|20)\d\d)\. (?P<place>.+)"
)
_JOURNAL = re.compile(
    r"(?P<journal>[^:.]+?) (?P<volume>\d+)(?:\((?P<number>[^)]+)\))?:(?P<pages>[\w-]+)"
)
_RANGE = re.compile(r"(?<=[0-9])-(?=[0-9])")
_ESCAPES: Final[Mapping[str, str]] = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
# An identifier is no prose: a resolver reads it, so what would end a field is percent-encoded.
_ENCODED: Final[Mapping[str, str]] = {
    "{": "%7B",
    "}": "%7D",
    "\\": "%5C",
    " ": "%20",
}
_IDENTIFIER_FIELDS: Final[Mapping[str, str]] = {
    "doi": "doi",
    "pmid": "pmid",
    "pmc": "pmcid",
    "nct": "nct",
    "biomodels": "biomodels",
}


def escaped(text: str) -> str:
    """Return text in which LaTeX reads every sign as it stands."""
    return "".join(_ESCAPES.get(sign, sign) for sign in text)


def entry(
    reference: Reference, *, title: str = "", supports: Sequence[str] = (), note: str = ""
) -> str:
    """Return a reference as a BibTeX entry whose key is its id.

    A citation of the form *name year. journal volume:pages* becomes an ``@article``, any other a
    ``@misc`` that keeps the citation whole. The table gives the first author alone, so ``and
    others`` stands for the rest; two names joined by *and* are both.

    Parameters
    ----------
    reference
        Row of the references.
    title
        Title of the work, empty if it is not known.
    supports
        Ids of what rests on it, told in the field ``note``.
    note
        Told in the field ``note`` before what rests on it.
    """
    fields: dict[str, str] = {}
    work = _WORK.fullmatch(reference.citation)
    journal = None
    if work is None:
        fields["title"] = _title(title or reference.citation)
        fields["howpublished"] = escaped(reference.citation) if title else ""
    else:
        journal = _JOURNAL.fullmatch(work["place"])
        fields["author"] = _author(work["family"], work["initials"])
        fields["title"] = _title(title)
        if journal is None:
            fields["howpublished"] = escaped(work["place"])
        else:
            fields["journal"] = escaped(journal["journal"])
            fields["volume"] = escaped(journal["volume"])
            fields["number"] = escaped(journal["number"] or "")
            fields["pages"] = escaped(_RANGE.sub("--", journal["pages"]))
    fields["year"] = "" if reference.year is None else str(reference.year)
    scheme, _, rest = reference.identifier.partition(":")
    if rest:
        field = _IDENTIFIER_FIELDS[scheme]
        fields[field] = "".join(_ENCODED.get(sign, sign) for sign in rest)
    told = [note, f"supports: {', '.join(supports)}" if supports else ""]
    fields["note"] = escaped("; ".join(part for part in told if part))
    return formatted("misc" if journal is None else "article", reference.id, fields)


def formatted(kind: str, key: str, fields: Mapping[str, str]) -> str:
    """Return an entry; empty fields are left out, values must be escaped already."""
    lines = [f"  {name} = {{{value}}},\n" for name, value in fields.items() if value]
    return f"@{kind}{{{key},\n{''.join(lines)}}}\n"


def _title(title: str) -> str:
    # A second pair of braces keeps the capitals of gene and drug names.
    return f"{{{escaped(title)}}}" if title else ""


def _author(family: str, initials: str | None) -> str:
    if " and " in family:
        return escaped(family)
    dotted = f", {' '.join(f'{letter}.' for letter in initials)}" if initials else ""
    # Without initials, braces keep a family name of two words in one piece.
    name = f"{escaped(family)}{dotted}" if dotted or " " not in family else f"{{{escaped(family)}}}"
    return f"{name} and others"
