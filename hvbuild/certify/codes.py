"""HV7xxx: what is said of certificates, their properties and the files that they speak of."""

from hvbuild.diagnostics import Code, Severity

_CONTRACT = "an in-toto Statement v1 in RFC 8785 form; nothing but equal bytes is accepted"
_CATALOGUE = "the catalogue of guarantees of hvbuild"


def _row(code: str, name: str, meaning: str, *, warning: bool = False, source: str = _CONTRACT) -> Code:
    severity = Severity.WARNING if warning else Severity.ERROR
    return Code(code=code, name=name, severity=severity, meaning=meaning, source=source)


REFUSED = _row("HV7001", "property-refused", "A guarantee does not hold for this system.", source=_CATALOGUE)
WAIVED = _row(
    "HV7002",
    "property-waived",
    "A guarantee does not hold and the stack accepts that, with reason, owner and expiry.",
    warning=True,
    source=_CATALOGUE,
)
WAIVER_EXPIRED = _row(
    "HV7003", "waiver-expired", "A waiver has run out: it no longer counts.", source=_CATALOGUE
)
WAIVER_UNUSED = _row(
    "HV7004",
    "waiver-unused",
    "A waiver names a guarantee that holds, or that does not exist.",
    warning=True,
    source=_CATALOGUE,
)
REPLAY_UNREADABLE = _row(
    "HV7005",
    "counterexample-unreadable",
    "A stored counterexample cannot be read, so it cannot be replayed; that refuses.",
    source=_CATALOGUE,
)
NO_SUCH_PROPERTY = _row(
    "HV7006",
    "no-such-property",
    "A guarantee that the project file names cannot be had.",
    source=_CATALOGUE,
)
NOT_A_CERTIFICATE = _row("HV7101", "not-a-certificate", "The file is no certificate of hvbuild.")
NOT_CANONICAL = _row(
    "HV7102", "not-canonical", "The bytes of the certificate are not the canonical form of what they say."
)
DIGEST_DIFFERS = _row(
    "HV7103", "certificate-changed", "What the certificate says does not match the digest it carries."
)
ARTIFACT_CHANGED = _row("HV7104", "artifact-changed", "An artifact differs from the one that was certified.")
ARTIFACT_MISSING = _row("HV7105", "artifact-missing", "A certified artifact is not there.")
ARTIFACT_UNKNOWN = _row(
    "HV7106", "artifact-not-certified", "The build folder holds a file that the certificate does not know."
)
INPUT_CHANGED = _row("HV7107", "input-changed", "An input differs from the one that was certified.")
PARTIAL = _row("HV7108", "partial-certificate", "A shard is not a certificate: join all shards first.")
NOT_SIGNED = _row("HV7109", "envelope-missing", "A public key is given and there is no signed envelope.")
WRONG_SIGNATURE = _row(
    "HV7110", "signature-wrong", "The envelope's signature or payload is not that of this certificate."
)
INPUT_MISSING = _row("HV7111", "input-missing", "A certified input is not there.")
UNREADABLE_KEY = _row("HV7112", "key-unreadable", "The key is no ed25519 key in PEM form.")
SHARDS_DIFFER = _row("HV7201", "shards-differ", "Shards of different subjects cannot be joined.")
SHARD_MISSING = _row("HV7202", "shard-missing", "A shard is missing, given twice or does not count right.")

CODES: tuple[Code, ...] = (
    REFUSED,
    WAIVED,
    WAIVER_EXPIRED,
    WAIVER_UNUSED,
    REPLAY_UNREADABLE,
    NO_SUCH_PROPERTY,
    NOT_A_CERTIFICATE,
    NOT_CANONICAL,
    DIGEST_DIFFERS,
    ARTIFACT_CHANGED,
    ARTIFACT_MISSING,
    ARTIFACT_UNKNOWN,
    INPUT_CHANGED,
    PARTIAL,
    NOT_SIGNED,
    WRONG_SIGNATURE,
    INPUT_MISSING,
    UNREADABLE_KEY,
    SHARDS_DIFFER,
    SHARD_MISSING,
)
