"""Certificates for signing: an authority of our own, or the operator's, looked over before it is used.

C2PA wants a chain: a certificate that signs, and above it one that is allowed to say who may. What the certificate may be
used for has to be said in it (C2PA's technical specification, "X.509 certificates").
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from limner.provenance.models import Authority
from limner.provenance.rules import LEAF_LIFE, ROOT_LIFE

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificateIssuerPrivateKeyTypes,
        CertificateIssuerPublicKeyTypes,
        PrivateKeyTypes,
    )

# Clocks differ: a certificate that begins now would not be good yet elsewhere.
_EARLIER: Final = timedelta(hours=1)
# E-mail protection, document signing, C2PA claim signing: one of them is to be among a certificate's uses.
_USES: Final = ("1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1")
_CURVES: Final = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_RSA_BITS_MIN: Final = 2048


class CertificateError(ValueError):
    """The certificate or the key cannot be used; the message says why, and what would do."""


def new_authority(*, organisation: str, now: datetime) -> Authority:
    """An authority of our own: a root that is nobody's but this installation's, and a certificate that signs for it."""
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    root = _root(key, organisation=organisation, now=now)
    return _with_leaf(root, key, organisation=organisation, now=now)


def renewed(authority: Authority, *, organisation: str, now: datetime) -> Authority:
    """The same authority with a new certificate that signs for it; whoever trusts the root trusts that as well."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    assert authority.root_key is not None, "the operator's own authority is the operator's to renew"
    key = cast("CertificateIssuerPrivateKeyTypes", load_pem_private_key(authority.root_key.encode(), None))
    root = x509.load_pem_x509_certificate(authority.root.encode())
    return _with_leaf(root, key, organisation=organisation, now=now)


def own_authority(*, chain: str, key: str, now: datetime) -> Authority:
    """The operator's own certificates: `chain` with the one that signs first, and the key for that, both PEM.

    Raises `CertificateError`.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        certificates = x509.load_pem_x509_certificates(chain.encode())
    except ValueError:
        raise CertificateError("the certificate file has no certificate in PEM form") from None
    try:
        private = load_pem_private_key(key.encode(), None)
    except TypeError:
        raise CertificateError("the key is encrypted: give it without a password") from None
    except ValueError:
        raise CertificateError("the key file has no private key in PEM form") from None
    leaf = certificates[0]
    _check(leaf, private, count=len(certificates), now=now)
    return Authority(
        root=_pem(certificates[-1]),
        root_key=None,
        chain="".join(map(_pem, certificates)),
        key=_key_pem(private),
        begins_at=leaf.not_valid_before_utc,
        ends_at=leaf.not_valid_after_utc,
    )


def algorithm_of(key: str) -> str:
    """C2PA's name for how this key (PEM) signs. Raises `CertificateError` for one that may not."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    private = load_pem_private_key(key.encode(), None)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        return _CURVES[private.curve.name]
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= _RSA_BITS_MIN:
        return "ps256"
    raise CertificateError("the key is to be one of P-256, P-384, P-521, Ed25519, or RSA with 2048 bits or more")


def _check(leaf: x509.Certificate, private: PrivateKeyTypes, *, count: int, now: datetime) -> None:
    """Raises `CertificateError` for whatever would make every signature worthless."""
    from cryptography import x509

    algorithm_of(_key_pem(private))
    if leaf.public_key() != private.public_key():
        raise CertificateError("the key does not belong to the first certificate of the file")
    if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
        raise CertificateError(
            f"the certificate is good from {leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d},"
            " and not today"
        )
    if count == 1 and leaf.issuer == leaf.subject:
        raise CertificateError(
            "the certificate is signed by itself: C2PA wants one that an authority has signed, and the authority's after it"
        )
    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        signs = leaf.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    except x509.ExtensionNotFound:
        raise CertificateError(
            "the certificate does not say what it is for: C2PA wants digitalSignature as key usage, and emailProtection"
            " or documentSigning as extended key usage"
        ) from None
    if not signs or not any(use.dotted_string in _USES for use in uses):
        raise CertificateError(
            "the certificate is not for signing documents: C2PA wants digitalSignature as key usage, and emailProtection"
            " or documentSigning as extended key usage"
        )


def _root(key: CertificateIssuerPrivateKeyTypes, *, organisation: str, now: datetime) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    public: CertificateIssuerPublicKeyTypes = key.public_key()
    name = _name(organisation, "root authority for content credentials")
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def _with_leaf(
    root: x509.Certificate, root_key: CertificateIssuerPrivateKeyTypes, *, organisation: str, now: datetime
) -> Authority:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = ec.generate_private_key(ec.SECP256R1())
    begins, ends = now - _EARLIER, min(now + LEAF_LIFE, root.not_valid_after_utc)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(_name(organisation, "content credentials"))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    return Authority(
        root=_pem(root),
        root_key=_key_pem(root_key),
        chain=_pem(leaf) + _pem(root),
        key=_key_pem(key),
        begins_at=begins,
        ends_at=ends,
    )


def _name(organisation: str, what: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, what),
        ]
    )


def _usage(*, certificates: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: PrivateKeyTypes) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
