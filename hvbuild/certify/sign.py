"""Signed certificates: a DSSE envelope over the certificate's bytes, ed25519 keys (the extra `sign`)."""

import json
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

from hvbuild.certify.codes import UNREADABLE_KEY, WRONG_SIGNATURE
from hvbuild.diagnostics import Diagnostic, StackInvalid
from hvbuild.source import SourceFile, Span

PAYLOAD = "application/vnd.in-toto+json"


def signed_envelope(data: bytes, private_key: Path) -> bytes:
    """The DSSE envelope of certificate bytes `data`, signed with the ed25519 key in PEM file `private_key`.

    OSError where the file cannot be opened, StackInvalid where it is no such key.
    """
    pem = private_key.read_bytes()
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise StackInvalid("reading the key", (_unreadable(private_key, "private"),))
    envelope = Envelope(payload=data, payload_type=PAYLOAD, signatures={})
    envelope.sign(CryptoSigner(key))
    return (json.dumps(envelope.to_dict(), sort_keys=True) + "\n").encode()


def faults_of_envelope(envelope_path: Path, data: bytes, public_key: Path) -> Iterator[Diagnostic]:
    """What is wrong with the envelope of certificate bytes `data`; nothing when its signature holds."""
    try:
        key = load_pem_public_key(public_key.read_bytes())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        yield _unreadable(public_key, "public")
        return
    try:
        envelope = Envelope.from_dict(json.loads(envelope_path.read_bytes()))
        sslib_key = SSlibKey.from_crypto(key)
        # key ids are names, not proof: only what verifies counts
        for signature in envelope.signatures.values():
            signature.keyid = sslib_key.keyid
        envelope.verify([sslib_key], 1)
        payload, kind = envelope.payload, envelope.payload_type
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, VerificationError) as fault:
        reason = (
            "its signature is not of this key"
            if isinstance(fault, VerificationError)
            else "it is no envelope"
        )
        yield _wrong(envelope_path, reason)
        return
    if payload != data or kind != PAYLOAD:
        yield _wrong(envelope_path, "it was signed over another certificate")


def _wrong(path: Path, reason: str) -> Diagnostic:
    return WRONG_SIGNATURE.at(Span(SourceFile(str(path), ""), 0, 0), f"`{path.name}` does not hold: {reason}")


def _unreadable(path: Path, kind: str) -> Diagnostic:
    message = f"`{path.name}` holds no ed25519 {kind} key in PEM form"
    return UNREADABLE_KEY.at(Span(SourceFile(str(path), ""), 0, 0), message)
