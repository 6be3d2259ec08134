"""Forms with files, read as they come: to disk, within limits that hold while they are passed and not afterwards."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from limner.domain.problem import InvalidValue, Problem

_WRITE_BYTES: Final = 1 << 20
_NAME_CHARACTERS_MAX: Final = 255
_SHOWN: Final = 80
_QUOTED: Final = re.compile(rb'"(?:\\.|[^"\\])*"')
_EXTENDED_NAME: Final = re.compile(rb";\s*filename\*\s*=\s*(?:([^';\s]*)'[^';]*')?([^;\s]*)", re.IGNORECASE)


class MalformedForm(Problem):
    """The body is not the form that its Content-Type says it is."""

    code = "malformed_form"
    status = 400


class FormTooLarge(Problem):
    """A file or a field of a form is larger than it may be, or there are too many."""

    code = "body_too_large"
    status = 413


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file of a form, on disk. `name`: what its sender calls it; `media_type`: what they say it is: believe neither."""

    name: str
    media_type: str
    path: Path
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Fields and files, by their names, in the order in which they came."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, Upload]] = field(default_factory=list)


@asynccontextmanager
async def form(
    request: Request, *, bytes_max_each: int, files_max: int, fields_max: int, field_bytes_max: int
) -> AsyncGenerator[Form]:
    """The request's form; its files lie in a folder of their own until the block ends.

    A part with a file name is a file, but for one with neither name nor bytes: that is a browser's empty choice. Raises
    `MalformedForm`, `FormTooLarge`, `InvalidValue` for text that is none, or `ClientDisconnect`.
    """
    _, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise MalformedForm(
            "the form's Content-Type has no boundary: leave that header to the program that makes the form"
        )
    with tempfile.TemporaryDirectory(prefix="limner-form-") as folder:
        reader = _Reader(
            boundary,
            folder=Path(folder),
            bytes_max_each=bytes_max_each,
            files_max=files_max,
            fields_max=fields_max,
            field_bytes_max=field_bytes_max,
        )
        try:
            async for piece in request.stream():
                reader.feed(piece)
                if reader.pending >= _WRITE_BYTES:
                    await asyncio.to_thread(reader.write)
            await asyncio.to_thread(reader.write)
            reader.finish()
            yield reader.form
        finally:
            reader.close()


class _Reader:
    """Makes parts of what is fed to it. What belongs to files waits in memory, a megabyte at most, to be written."""

    def __init__(
        self,
        boundary: bytes,
        *,
        folder: Path,
        bytes_max_each: int,
        files_max: int,
        fields_max: int,
        field_bytes_max: int,
    ) -> None:
        self.form = Form()
        self.pending = 0
        self._folder, self._bytes_max_each = folder, bytes_max_each
        self._files_max, self._fields_max, self._field_bytes_max = files_max, fields_max, field_bytes_max
        self._is_over = False
        self._name_of_header, self._value_of_header = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._name, self._file_name = "", None
        self._length = 0
        self._text: list[bytes] = []
        self._chunks: list[tuple[BinaryIO, bytes]] = []
        self._file: BinaryIO | None = None
        self._open: list[BinaryIO] = []
        self._fault: Problem | None = None
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._over,
                },
            )
        except FormParserError as error:
            raise _malformed(error) from None

    _name: str
    _file_name: str | None

    def feed(self, piece: bytes) -> None:
        """Read on. Raises what is wrong as soon as it is seen."""
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise _malformed(error) from None

    def write(self) -> None:
        """Put on disk what waits for it. To be called in a thread, while nothing is fed."""
        for file, chunk in self._chunks:
            file.write(chunk)
        self._chunks.clear()
        self.pending = 0
        for file in self._open:
            file.flush()

    def finish(self) -> None:
        """There is nothing more to come. Raises `MalformedForm` if there should be."""
        if not self._is_over:
            raise MalformedForm("the form breaks off: its closing boundary is missing")

    def close(self) -> None:
        """Let go of the files."""
        for file in self._open:
            file.close()

    # what the parser calls --------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._headers = {}
        self._name, self._file_name = "", None
        self._length, self._text, self._file = 0, [], None

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name_of_header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value_of_header += data[start:end]

    def _header_end(self) -> None:
        name = self._name_of_header.lower()
        if name in self._headers:
            # As when a name with a line's end in it was written down as it was.
            raise MalformedForm(f"a part of the form has {name.decode('latin-1')[:_SHOWN]} twice")
        self._headers[name] = self._value_of_header
        self._name_of_header, self._value_of_header = b"", b""

    def _headers_end(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b"").decode("latin-1"))
        if kind != b"form-data" or b"name" not in options:
            raise MalformedForm("each part of the form needs a Content-Disposition of form-data, with a name")
        encoding = self._headers.get(b"content-transfer-encoding", b"binary").strip().lower()
        if encoding not in {b"binary", b"7bit", b"8bit"}:
            raise MalformedForm("parts of a form are sent as they are: leave Content-Transfer-Encoding out")
        self._name = options[b"name"].decode("utf-8", "replace")
        file_name = _file_name(options, self._headers[b"content-disposition"])
        if file_name is None:
            if len(self.form.fields) >= self._fields_max:
                raise FormTooLarge(f"the form has more than {self._fields_max} fields")
            return
        if len(self.form.files) >= self._files_max:
            raise FormTooLarge(f"the form has more than {self._files_max} files")
        self._file_name = file_name[:_NAME_CHARACTERS_MAX]
        self._file = (self._folder / str(len(self._open))).open("wb")
        self._open.append(self._file)

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._length += end - start
        if self._file is None:
            if self._length > self._field_bytes_max:
                raise FormTooLarge(
                    f"{self._name[:_SHOWN]} is larger than the {self._field_bytes_max} bytes that a field may have",
                    param=self._name[:_SHOWN],
                )
            self._text.append(data[start:end])
            return
        if self._length > self._bytes_max_each:
            raise FormTooLarge(
                f"{self._name[:_SHOWN]} is larger than the {self._bytes_max_each} bytes that a file may have",
                param=self._name[:_SHOWN],
            )
        self._chunks.append((self._file, data[start:end]))
        self.pending += end - start

    def _end(self) -> None:
        if self._file is None:
            try:
                text = b"".join(self._text).decode("utf-8")
            except UnicodeDecodeError:
                raise InvalidValue(f"{self._name[:_SHOWN]} must be text in UTF-8", param=self._name[:_SHOWN]) from None
            self.form.fields.append((self._name, text))
            return
        if not self._length and not self._file_name:
            return
        said = self._headers.get(b"content-type", b"").decode("latin-1")
        upload = Upload(name=self._file_name or "", media_type=said, path=Path(self._file.name), bytes=self._length)
        self.form.files.append((self._name, upload))

    def _over(self) -> None:
        self._is_over = True


def _file_name(options: Mapping[bytes, bytes], disposition: bytes) -> str | None:
    """As it is, or as RFC 5987 writes it: forms should not have that, but some libraries' do. None: it is no file."""
    plain = options.get(b"filename")
    if plain is not None:
        return plain.decode("utf-8", "replace")
    extended = _EXTENDED_NAME.search(_QUOTED.sub(b"", disposition))
    if extended is None:
        return None
    encoding = "latin-1" if (extended[1] or b"").lower() == b"iso-8859-1" else "utf-8"
    return unquote_to_bytes(extended[2]).decode(encoding, "replace")


def _malformed(error: FormParserError) -> MalformedForm:
    return MalformedForm(f"the body is not a form with parts (multipart/form-data): {str(error)[:200]}")
