"""A bucket of Amazon S3, or of a server that speaks as it does (MinIO, Ceph, R2): `s3://bucket/folder`.

Options follow a question mark: `endpoint` is the address of a server other than Amazon's (it is then asked for
`endpoint/bucket/key`, never for `bucket.endpoint`), `region` the bucket's region, and `allow_http=true` lets the
endpoint be without TLS.

Credentials are never part of the address. They come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and
AWS_SESSION_TOKEN), else from AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, else from the container
(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI), else from the machine's role; ~/.aws is not read. What the
address leaves out, AWS_REGION and AWS_ENDPOINT_URL may say.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from obstore import delete_async, get_range_async, put_async
from obstore import list as list_objects
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store
from typing_extensions import override

from limner.storage import StorageFailed
from limner.storage._objects import Objects

if TYPE_CHECKING:
    from obstore.store import S3Config

_OPTIONS: Final = ("endpoint", "region", "allow_http")
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]+")
# A file that nobody takes is told in well under a minute, whatever goes wrong: the caller waits for it.
_CONNECT_SECONDS: Final = 3
_REQUEST_SECONDS: Final = 30
_RETRIES_MAX: Final = 3
_RETRY_SECONDS: Final = 15

_ASKED: Final = re.compile(r"Error performing [A-Z]+ (\S+)")
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_NO_BUCKET: Final = "there is no such bucket; make it, or name another"
_NO_CREDENTIALS: Final = "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_NOT_ACCEPTED: Final = (
    "the credentials are not accepted; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
)
_ELSEWHERE: Final = "the bucket is in another region; name it in the address, with ?region=..."
_BY_CODE: Final = {
    "NoSuchBucket": _NO_BUCKET,
    "InvalidAccessKeyId": _NOT_ACCEPTED,
    "SignatureDoesNotMatch": _NOT_ACCEPTED,
    "InvalidToken": _NOT_ACCEPTED,
    "ExpiredToken": _NOT_ACCEPTED,
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "IllegalLocationConstraintException": _ELSEWHERE,
}
# What came to no answer of S3's own is known only by the client library's words.
_BY_WORD: Final = {
    "redirect": _ELSEWHERE,
    "InvalidCertificate": "its certificate is not trusted; SSL_CERT_FILE may name a file with those that are",
    "BadScheme": "the endpoint is without TLS; if that is meant, add ?allow_http=true to the address",
}


class Plug(Objects):
    """Files as objects of a bucket, all beneath one folder of it."""

    open_seconds: ClassVar[float] = 10

    def __init__(self, url: str) -> None:
        bucket, folder, options = _parts(url)
        endpoint = options.get("endpoint")
        self._place = f"s3://{bucket}/{folder}".rstrip("/") + (f" at {endpoint}" if endpoint else "")
        self._bucket = bucket
        # One DELETE for one file, because not every server knows the request that deletes many.
        config: S3Config = {"disable_bulk_delete": True}
        if "region" in options:
            config["region"] = options["region"]
        if endpoint:
            # Both: what the address says is meant, whatever AWS_ENDPOINT_URL_S3 says.
            config |= {"endpoint": endpoint, "aws_endpoint_url_s3": endpoint, "virtual_hosted_style_request": False}
        try:
            store = S3Store(
                bucket,
                prefix=folder or None,
                config=config,
                client_options={
                    "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
                    "timeout": timedelta(seconds=_REQUEST_SECONDS),
                    **({"allow_http": True} if "allow_http" in options else {}),
                },
                retry_config={"max_retries": _RETRIES_MAX, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)},
            )
        except BaseError as error:
            said = str(error).partition("\n")[0]
            raise ValueError(f"an AWS_ variable of the environment is amiss: {said}") from None
        super().__init__(store)

    async def open(self) -> None:
        """Write, read, list and delete a trial object."""
        trial = f".try/{secrets.token_hex(8)}"
        doing = "write"
        try:
            async with asyncio.timeout(self.open_seconds):
                await put_async(self._store, trial, b"x", use_multipart=False)
                doing = "read"
                await get_range_async(self._store, trial, start=0, end=1)
                doing = "list"
                is_listed = await self._lists(trial)
                doing = "delete"
                await delete_async(self._store, trial)
        except TimeoutError:
            raise self._unusable(
                f"there was no answer within {self.open_seconds} s; check the endpoint and the network"
            ) from None
        except (BaseError, OSError) as error:
            if doing not in {"write", "delete"}:
                await self._forget(trial)
            raise self._unusable(_reason(error, doing=doing, bucket=self._bucket)) from None
        if not is_listed:
            raise self._unusable("what was written there is not listed")

    async def close(self) -> None:
        """There is nothing to let go of: idle connections end by themselves."""

    @override
    async def keys(self, prefix: str) -> AsyncGenerator[str]:
        """The keys that begin with the prefix."""
        # A day's folder may hold very many, and S3 lists in order, from any key on: the first other one ends it.
        folder = prefix.rpartition("/")[0]
        try:
            async for page in list_objects(self._store, prefix=folder, offset=prefix):
                for meta in page:
                    if not meta["path"].startswith(prefix):
                        return
                    yield meta["path"]
        except (BaseError, OSError) as error:
            raise StorageFailed("the storage's pictures could not be listed") from error

    def _unusable(self, reason: str) -> StorageFailed:
        return StorageFailed(f"pictures cannot be kept in {self._place}: {reason}")

    async def _forget(self, key: str) -> None:
        with suppress(BaseError, OSError):
            async with asyncio.timeout(_CONNECT_SECONDS):
                await delete_async(self._store, key)

    async def _lists(self, key: str) -> bool:
        async for found in super().keys(key):
            if found == key:
                return True
        return False


def _reason(error: Exception, *, doing: str, bucket: str) -> str:
    """Why the trial failed, and what to do."""
    said = str(error)
    asked, code = _ASKED.search(said), _CODE.search(said)
    if asked and bucket not in asked[1]:  # not the bucket was asked, but whoever gives out credentials
        return _NO_CREDENTIALS
    if code and code[1] in _BY_CODE:
        return _BY_CODE[code[1]]
    return _reason_by_kind(error, doing=doing, server_said=f"the server said {code[1]}" if code else None)


def _reason_by_kind(error: Exception, *, doing: str, server_said: str | None) -> str:
    if isinstance(error, FileNotFoundError):
        return _NO_BUCKET
    if isinstance(error, UnauthenticatedError):
        return _NOT_ACCEPTED
    if isinstance(error, PermissionDeniedError) or "403 Forbidden" in str(error):  # a refused listing has no type
        return f"the credentials may not {doing} objects there; allow them to write, read, list and delete"
    by_word = next((sentence for word, sentence in _BY_WORD.items() if word in str(error)), None)
    return by_word or server_said or "it cannot be reached; check the endpoint and the network"


def _parts(url: str) -> tuple[str, str, dict[str, str]]:
    """The bucket, the folder and the options of an address. Raises ValueError with a sentence that repeats no secret."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("credentials are not part of it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if not _BUCKET.fullmatch(parts.netloc):
        raise ValueError("it should be like s3://bucket/folder; a server of your own goes into ?endpoint=https://...")
    if parts.fragment:
        raise ValueError("a # in it must be written %23")
    folder = unquote(parts.path).strip("/")
    if folder and {"", ".", ".."} & set(folder.split("/")):
        raise ValueError("its folder must not have empty parts, nor . or ..")
    return parts.netloc, folder, _options(parts.query)


def _options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _OPTIONS:
            raise ValueError(f"there is no option {name}; there are {', '.join(_OPTIONS)}")
        if name in options or not value:
            raise ValueError(f"{name} should be given once, with a value")
        options[name] = value
    allow_http = options.pop("allow_http", "false")
    if allow_http not in {"true", "false"}:
        raise ValueError("allow_http should be true or false")
    if allow_http == "true":
        options["allow_http"] = allow_http
    if "endpoint" in options:
        options["endpoint"] = _endpoint(options["endpoint"], may_be_http=allow_http == "true")
    return options


def _endpoint(given: str, *, may_be_http: bool) -> str:
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("endpoint should be like https://host:9000")
    if "@" in parts.netloc:
        raise ValueError("credentials are not part of the endpoint: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if parts.scheme == "http" and not may_be_http:
        raise ValueError("the endpoint is without TLS; if that is meant, add &allow_http=true")
    return given.rstrip("/")
