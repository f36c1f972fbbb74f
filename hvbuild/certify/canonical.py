"""The one form of a certificate's bytes: RFC 8785, with what JSON numbers cannot carry spelled as text."""

import hashlib
import json
from typing import Any

import rfc8785

Json = dict[str, Any]

# RFC 8785 numbers are doubles: whole numbers are exact up to here (2^53 - 1).
_EXACT = (1 << 53) - 1


class NotCanonical(Exception):  # noqa: N818 - says what the bytes are not
    """Bytes that are not the canonical form of any value; the text says why."""


class OtherForm(NotCanonical):
    """Bytes that spell a value, and not in its canonical form."""


def plain(value: Any) -> Any:
    """`value` with tuples as lists and numbers beyond 2^53 as text; TypeError for floats and the rest."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if -_EXACT <= value <= _EXACT else str(value)
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            raise TypeError(f"no place in a certificate: {type(value).__name__}")


def certificate_bytes(statement: Json) -> bytes:
    """The canonical bytes of `statement`."""
    return rfc8785.dumps(plain(statement))


def read_canonical(data: bytes) -> Any:
    """The value that `data` spells; NotCanonical unless `data` is the canonical form of it."""
    try:
        value = json.loads(data.decode("utf-8"))
        again = rfc8785.dumps(value)
    except UnicodeDecodeError as fault:
        raise NotCanonical(f"not UTF-8 text at byte {fault.start}") from None
    except (ValueError, RecursionError, rfc8785.CanonicalizationError) as fault:
        raise NotCanonical(_short(fault)) from None
    if again != data:
        at = next((i for i, (a, b) in enumerate(zip(data, again, strict=False)) if a != b), len(again))
        raise OtherForm(f"differs from its canonical form at byte {min(at, len(data))}")
    return value


def digest_of(statement: Json) -> str:
    """The sha256 of `statement` with `predicate.digest` empty."""
    predicate = {**statement["predicate"], "digest": ""}
    return sha256(certificate_bytes({**statement, "predicate": predicate}))


def sealed(statement: Json) -> Json:
    """`statement` with its `predicate.digest` filled in."""
    predicate = {**statement["predicate"], "digest": digest_of(statement)}
    return {**statement, "predicate": predicate}


def sha256(data: bytes) -> str:
    """The sha256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()


def _short(fault: BaseException) -> str:
    return "nested too deeply" if isinstance(fault, RecursionError) else str(fault).splitlines()[0][:120]
