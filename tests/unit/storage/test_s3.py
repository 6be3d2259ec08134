"""The S3 plug: addresses, what it says when a bucket cannot be used, and where in the bucket things lie."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import boto3
import orjson
import pytest

from limner import storage
from limner.storage import StorageFailed, s3
from support.s3 import CREDENTIALS, S3Server

KEY: Final = "2026-11-22/otter_0.png"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    name = f"pictures-{uuid4().hex}"
    s3_server.make_bucket(name)
    return name


@pytest.fixture
def nobody() -> Iterator[str]:
    """An endpoint at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def at(endpoint: str) -> str:
    return f"s3://pictures/of/ada?endpoint={endpoint}&region=us-east-1&allow_http=true"


def keys_in(server: S3Server, bucket: str) -> list[str]:
    return re.findall("<Key>(.*?)</Key>", server.ask("GET", f"/{bucket}?list-type=2").decode())


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3:", "like s3://bucket/folder"),
        ("s3:///folder", "like s3://bucket/folder"),
        ("s3://127.0.0.1:9000/bucket", "a server of your own goes into"),
        ("s3://pictures/a/../b", "must not have empty parts"),
        ("s3://pictures/a//b", "must not have empty parts"),
        ("s3://pictures/%2e%2e/b", "must not have empty parts"),
        ("s3://pictures/a#b", "must be written %23"),
        ("s3://pictures?bucket=x", "there is no option bucket; there are endpoint, region, allow_http"),
        ("s3://pictures?region", "region should be given once, with a value"),
        ("s3://pictures?region=a&region=b", "region should be given once, with a value"),
        ("s3://pictures?allow_http=yes", "allow_http should be true or false"),
        ("s3://pictures?endpoint=localhost:9000", "endpoint should be like https://host:9000"),
        ("s3://pictures?endpoint=http://localhost:9000", "without TLS; if that is meant, add &allow_http=true"),
        ("s3://pictures?endpoint=http://localhost:9000&allow_http=false", "without TLS"),
    ],
)
def test_an_address_that_cannot_be_read_is_said(url: str, says: str) -> None:
    with pytest.raises(StorageFailed, match=re.escape(says)):
        storage.load(url)


@pytest.mark.parametrize(
    "url",
    [
        "s3://ada:hunter2@pictures/folder",
        "s3://pictures?endpoint=https://ada:hunter2@host",
        "s3://pictures?secret_access_key=hunter2",
    ],
)
def test_secrets_in_an_address_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(StorageFailed) as refused:
        storage.load(url)

    assert "hunter2" not in refused.value.message


def test_half_of_the_credentials_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(StorageFailed, match=r"an AWS_ variable of the environment is amiss.*SecretAccessKey"):
        storage.load("s3://pictures")


@pytest.mark.parametrize("folder", ["", "of ada", "für/艾达/100%25 #1"])
async def test_everything_lies_beneath_the_folder(s3_server: S3Server, bucket: str, folder: str) -> None:
    shelf = storage.load(s3_server.address(bucket, folder))
    await shelf.open()

    await shelf.put(KEY, b"otter")

    assert keys_in(s3_server, bucket) == [f"{folder}/{KEY}".lstrip("/")]
    assert [key async for key in shelf.keys("2026-11-22/")] == [KEY]


async def test_two_folders_of_a_bucket_do_not_see_each_other(s3_server: S3Server, bucket: str) -> None:
    ada, grace = (storage.load(s3_server.address(bucket, name)) for name in ("a", "ab"))
    await ada.put(KEY, b"otter")
    await grace.put(KEY, b"heron")

    await grace.delete(KEY)

    assert [key async for key in grace.keys("2026-11-22/")] == []
    assert [key async for key in ada.keys("2026-11-22/")] == [KEY]


async def test_opening_leaves_nothing_behind(s3_server: S3Server, bucket: str) -> None:
    await storage.load(s3_server.address(bucket, "of/ada")).open()

    assert keys_in(s3_server, bucket) == []


async def test_the_address_counts_for_more_than_the_environment(
    s3_server: S3Server, bucket: str, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", nobody)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", nobody)

    await storage.load(s3_server.address(bucket)).open()


async def test_what_the_address_leaves_out_comes_from_the_environment(
    s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint)

    await storage.load(f"s3://{bucket}?allow_http=true").open()
    with pytest.raises(StorageFailed, match="without TLS; if that is meant"):
        await storage.load(f"s3://{bucket}").open()


async def test_a_bucket_that_is_not_there_is_said(s3_server: S3Server) -> None:
    shelf = storage.load(s3_server.address("nowhere", "of/ada"))

    with pytest.raises(StorageFailed) as failed:
        await shelf.open()

    assert failed.value.message == (
        f"pictures cannot be kept in s3://nowhere/of/ada at {s3_server.endpoint}: "
        "there is no such bucket; make it, or name another"
    )


async def test_nobody_listening_is_said_soon_and_by_every_verb(nobody: str) -> None:
    shelf = storage.load(at(nobody))
    begun = time.monotonic()

    async def listed() -> list[str]:
        return [key async for key in shelf.keys("2026-11-22/")]

    async def read() -> list[bytes]:
        return [piece async for piece in shelf.read(KEY, start=0, end=1)]

    outcomes = await asyncio.gather(
        shelf.open(), shelf.put(KEY, b"x"), shelf.head(KEY), read(), shelf.delete(KEY), listed(), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [StorageFailed] * 6
    assert "it cannot be reached; check the endpoint and the network" in str(outcomes[0])
    assert time.monotonic() - begun < 10


async def test_a_server_that_does_not_answer_is_said() -> None:
    class Hasty(s3.Plug):
        open_seconds = 0.2

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(StorageFailed, match=r"there was no answer within 0\.2 s"):
            await Hasty(at(f"http://127.0.0.1:{silent.getsockname()[1]}")).open()


async def test_missing_credentials_are_said(
    s3_server: S3Server, bucket: str, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", nobody)

    with pytest.raises(
        StorageFailed, match="there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    ):
        await storage.load(s3_server.address(bucket)).open()


async def test_credentials_of_nobody_are_said(s3_server: S3Server, bucket: str) -> None:
    with s3_server.looking_at_credentials(), pytest.raises(StorageFailed, match="the credentials are not accepted"):
        await storage.load(s3_server.address(bucket)).open()


@pytest.fixture
def join_aws(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], None]:
    """Become a user of the server's who may do these things and nothing else."""

    def join(allowed: list[str]) -> None:
        iam: Any = boto3.client("iam", endpoint_url=s3_server.endpoint, region_name="us-east-1")
        name = uuid4().hex
        iam.create_user(UserName=name)
        rules = [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]
        document = orjson.dumps({"Version": "2012-10-17", "Statement": rules}).decode()
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

    return join


PUT, GET, LIST, DELETE = (f"s3:{act}" for act in ("PutObject", "GetObject", "ListBucket", "DeleteObject"))


@pytest.mark.parametrize(
    ("allowed", "says"),
    [
        ([GET, LIST, DELETE], "may not write"),
        ([PUT, LIST, DELETE], "may not read"),
        ([PUT, GET, DELETE], "may not list"),
    ],
)
async def test_what_the_credentials_may_not_do_is_said_and_leaves_nothing_behind(
    s3_server: S3Server, bucket: str, join_aws: Callable[[list[str]], None], allowed: list[str], says: str
) -> None:
    join_aws(allowed)

    with (
        s3_server.looking_at_credentials(),
        pytest.raises(StorageFailed, match=f"the credentials {says} objects there; allow them to write, read, list"),
    ):
        await storage.load(s3_server.address(bucket)).open()

    assert keys_in(s3_server, bucket) == []


async def test_credentials_that_may_not_delete_are_said(
    s3_server: S3Server, bucket: str, join_aws: Callable[[list[str]], None]
) -> None:
    join_aws([PUT, GET, LIST])

    with s3_server.looking_at_credentials(), pytest.raises(StorageFailed, match="may not delete objects there"):
        await storage.load(s3_server.address(bucket)).open()


async def test_credentials_that_may_do_all_four_are_enough(
    s3_server: S3Server, bucket: str, join_aws: Callable[[list[str]], None]
) -> None:
    join_aws([PUT, GET, LIST, DELETE])

    with s3_server.looking_at_credentials():
        shelf = storage.load(s3_server.address(bucket, "of/ada"))
        await shelf.open()
        await shelf.put(KEY, b"otter")
        assert (await shelf.head(KEY)).bytes == 5


@asynccontextmanager
async def answering(status: str, body: str) -> AsyncIterator[str]:
    """The endpoint of a server that has one answer to everything: what moto never says."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        ("301 Moved Permanently", "PermanentRedirect", "the bucket is in another region; name it"),
        ("400 Bad Request", "AuthorizationHeaderMalformed", "the bucket is in another region; name it"),
        ("403 Forbidden", "SignatureDoesNotMatch", "the credentials are not accepted"),
        ("403 Forbidden", "AccountProblem", "the credentials may not write objects there"),
        ("401 Unauthorized", "", "the credentials are not accepted"),
        ("404 Not Found", "", "there is no such bucket"),
        ("409 Conflict", "OperationAborted", "the server said OperationAborted"),
    ],
)
async def test_what_a_server_says_is_told_in_plain_words(status: str, code: str, says: str) -> None:
    body = f"<Error><Code>{code}</Code></Error>" if code else ""
    async with answering(status, body) as endpoint:
        with pytest.raises(StorageFailed, match=says):
            await storage.load(at(endpoint)).open()
