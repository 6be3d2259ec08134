"""Pictures that strangers give: what they are by their bytes, whether they are whole, and made such that anybody can use them.

Neither a file's name nor what its sender says of it counts. What comes out is a png, a jpeg or a webp of one frame, upright,
in RGB or greys of 8 bits, without Exif, which tells where a photograph was taken; colour profiles and XMP stay, but for
XMP with a place in it. A file that is so already is used as it is.

Parts and pixels are counted before any is decoded (skeleton.py). Decoding is the only proof that a file is whole, so that is
done, with no more in memory than the picture itself; a png that cannot be seen through needs not even that.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NoReturn

from limner.kit.skeleton import PARTS_MAX, UPRIGHT, Skeleton, TooManyPartsError, cleaned, walk

if TYPE_CHECKING:
    from PIL import Image

Alpha = Literal["none", "opaque", "clear"]
Kind = Literal["empty", "unsupported", "damaged", "too_large", "too_many_pixels", "too_small", "mode"]

EDGE_MIN: Final = 8
"""The fewest pixels that a picture has either way."""
REWRITTEN_PIXELS_MAX: Final = 16_000_000
"""A picture that has to be written anew is scaled down to so many: twice its pixels are in memory meanwhile."""
_TAKEN: Final = "send png, jpeg, webp or gif"
_HEAD_BYTES: Final = 64
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_JPEG_QUALITY: Final = 95
_PILLOW_NAMES: Final = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "gif": "GIF"}
_BLOCK_BYTES: Final = 1 << 26
_DRAFT_PIXELS: Final = 4_000_000
_TURNS: Final = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""What makes a picture upright, by Exif's number: Pillow's numbers for flipping and turning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A picture that can be used. `path`: where it lies: the file that was given, or a better one beside it.

    `sha256` in hexadecimal. `alpha`: none (it cannot be seen through), opaque (it could, and is nowhere clear), clear
    (somewhere it is, wholly). `notes`: what was done to it, a sentence each.
    """

    path: Path
    media_type: str
    bytes: int
    width: int
    height: int
    sha256: str
    alpha: Alpha
    notes: tuple[str, ...] = ()


class PictureError(Exception):
    """It cannot be used; `message` says what is wrong and what would be right."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind: Final = kind
        self.message = message


def check(path: Path, *, bytes_max: int, pixels_max: int) -> Checked:
    """Look at a file, and make it what the module's first words say. Slow: it decodes. Raises `PictureError`."""
    size = path.stat().st_size
    if size == 0:
        raise PictureError("empty", f"the picture is an empty file: {_TAKEN}")
    if size > bytes_max:
        raise PictureError("too_large", f"the picture has {size:,} bytes: {bytes_max:,} are the most")
    kind = _kind(path)
    from PIL import Image

    # Decoders remark upon files that strangers wrote, which is nothing for our log.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    # Pixels come in blocks so large that the C library gives them back: the next thing that is needed is the file itself.
    Image.core.set_block_size(_BLOCK_BYTES)  # type: ignore[attr-defined] # documented, and not typed
    try:
        skeleton = walk(path, kind, measure=lambda width, height: _check_size(width, height, pixels_max=pixels_max))
        clean = _cleaned(path, kind) if skeleton.is_private else path
        with Image.open(clean, formats=[_PILLOW_NAMES[kind]]) as picture:
            _check_size(*picture.size, pixels_max=pixels_max)
            made, notes, alpha, edges = _made(picture, clean, kind=kind, skeleton=skeleton)
    except PictureError:
        raise
    except TooManyPartsError:
        raise PictureError(
            "damaged",
            f"the picture is a {kind} of more than {PARTS_MAX:,} parts, which no program writes: save it anew",
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(
            "too_many_pixels", f"the picture has more than {pixels_max:,} pixels: send a smaller one"
        ) from None
    except MemoryError:
        raise PictureError(
            "too_many_pixels", "the picture needs more memory than there is: send a smaller one"
        ) from None
    except Exception as error:  # noqa: BLE001 - a decoder that reads what strangers wrote fails in every way there is
        _refuse_damaged(kind, error)
    kind = _suffix_kind(made, kind)
    return Checked(
        path=made,
        media_type=f"image/{kind}",
        bytes=made.stat().st_size,
        width=edges[0],
        height=edges[1],
        sha256=_hash(made),
        alpha=alpha,
        notes=tuple(notes),
    )


def _refuse_damaged(kind: str, error: Exception) -> NoReturn:
    raise PictureError("damaged", f"the picture is a {kind} that is damaged or cut off: send the whole file") from error


# what it is --------------------------------------------------------------------------------------------------------------


def _kind(path: Path) -> str:
    """png, jpeg, webp or gif. Raises `PictureError` that says what it is instead."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(_PNG):
        return "png"
    if head.startswith(_JPEG):
        return "jpeg"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    raise PictureError("unsupported", f"{_seems(head)}: {_TAKEN}")


def _seems(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        name = (
            "an AVIF" if brand in {b"avif", b"avis"} else "a HEIC" if brand[:2] in {b"he", b"mi", b"ms"} else "a film"
        )
        return f"this is {name}, which is not read here"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    known = (
        (head.startswith(b"BM"), "this is a BMP, which is not read here"),
        (head.startswith((b"II*\x00", b"MM\x00*")), "this is a TIFF, which is not read here"),
        (head.startswith(b"%PDF"), "this is a PDF, not a picture"),
        (text.startswith((b"<svg", b"<?xml")), "this is an SVG or another XML, which is not read here"),
        (text.startswith((b"<!doctype", b"<html")), "this is a web page, not a picture: a link may lead to one"),
        (text.startswith((b"{", b"[")), "this is JSON, not a picture"),
    )
    return next((words for is_so, words in known if is_so), "this is no picture that is known here")


def _check_size(width: int, height: int, *, pixels_max: int) -> None:
    if width * height > pixels_max:
        raise PictureError(
            "too_many_pixels",
            f"the picture has {width}x{height} pixels: {pixels_max:,} in all are the most, so send a smaller one",
        )
    if min(width, height) < EDGE_MIN:
        raise PictureError(
            "too_small", f"the picture has {width}x{height} pixels: it takes {EDGE_MIN} either way at least"
        )


# what it becomes ---------------------------------------------------------------------------------------------------------


def _made(
    picture: Image.Image, path: Path, *, kind: str, skeleton: Skeleton
) -> tuple[Path, list[str], Alpha, tuple[int, int]]:
    """Where it lies when it is as it is to be, what was done to it, whether it can be seen through, and how large it is."""
    notes = []
    # Of a webp the decoder has counted them already, and finds frames where no others look for them.
    if skeleton.frames > 1 or (kind == "webp" and getattr(picture, "n_frames", 1) > 1):
        notes.append("an animated picture was given: its first frame was taken")
    elif kind == "gif":
        notes.append("the gif that was given was made a png")
    if picture.mode == "CMYK":
        notes.append("the picture was in CMYK and was converted to RGB")
    if skeleton.bits > 8:  # noqa: PLR2004 - bits
        notes.append("the picture had 16 bits a channel and was brought to 8")
    if skeleton.orientation != UPRIGHT:
        notes.append("the picture was turned upright, as its Exif says")
    if notes:
        return _rewritten(picture, path, kind=kind, orientation=skeleton.orientation, notes=notes)
    size = picture.size
    if skeleton.is_proved and not skeleton.has_alpha:
        return path, notes, "none", size
    if kind == "jpeg" and size[0] * size[1] > _DRAFT_PIXELS:
        # All of the file is read and a fraction of its pixels made, which proves as much.
        picture.draft(picture.mode, (size[0] // 4, size[1] // 4))
    picture.load()
    alpha = _alpha(picture)
    picture.close()
    return path, notes, alpha, size


def _rewritten(
    picture: Image.Image, path: Path, *, kind: str, orientation: int, notes: list[str]
) -> tuple[Path, list[str], Alpha, tuple[int, int]]:
    from PIL import Image

    width, height = picture.size
    if kind == "jpeg" and width * height > REWRITTEN_PIXELS_MAX:
        picture.draft(picture.mode, (width // 2, height // 2))
    picture.load()
    profile = picture.info.get("icc_profile")
    made: Image.Image = picture
    if made.size[0] * made.size[1] > REWRITTEN_PIXELS_MAX:
        made = made.reduce(2)
    if made.size != (width, height):
        notes.append(f"the picture was scaled down from {width}x{height} to {made.width}x{made.height}")
    if made.mode == "CMYK":
        made, profile = _in_rgb(made, profile), None
    elif made.mode.startswith("I"):
        made = _in_eight_bits(made)
    elif made.mode not in {"L", "LA", "RGB", "RGBA"}:
        made = made.convert("RGBA" if "transparency" in made.info or made.mode in {"PA", "RGBa"} else "RGB")
    if orientation in _TURNS:
        made = made.transpose(Image.Transpose(_TURNS[orientation]))
    out = path.with_name(f"{path.name}.upright.{'jpeg' if kind == 'jpeg' else 'png'}")
    options = {"icc_profile": profile} if profile else {}
    if kind == "jpeg":
        made.save(out, "JPEG", quality=_JPEG_QUALITY, subsampling=0, exif=b"", comment=b"", **options)
    else:
        made.save(out, "PNG", compress_level=1, exif=b"", **options)
    return out, notes, _alpha(made), made.size


def _cleaned(path: Path, kind: str) -> Path:
    out = path.with_name(f"{path.name}.clean.{kind}")
    cleaned(path, kind, out)
    return out


def _in_rgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """By its colour profile where that is any good, and else as it comes."""
    from PIL import ImageCms

    if profile:
        try:
            done = ImageCms.profileToProfile(
                picture,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            done = None
        if done is not None:
            return done
    return picture.convert("RGB")


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    import numpy as np
    from PIL import Image

    return Image.fromarray((np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8))


def _alpha(picture: Image.Image) -> Alpha:
    if picture.mode in {"RGBA", "LA", "PA"}:
        low, _ = picture.getchannel("A").getextrema()
        return "clear" if low == 0 else "opaque"
    given = picture.info.get("transparency")
    if given is None:
        return "none"
    if picture.mode == "P" and isinstance(given, bytes):
        used = picture.histogram()
        return "clear" if any(alpha == 0 and used[index] for index, alpha in enumerate(given[:256])) else "opaque"
    if picture.mode in {"P", "L"} and isinstance(given, int):
        return "clear" if given < 256 and picture.histogram()[given] else "opaque"  # noqa: PLR2004 - colours
    low, _ = picture.convert("RGBA").getchannel("A").getextrema()
    return "clear" if low == 0 else "opaque"


def _suffix_kind(made: Path, kind: str) -> str:
    suffix = made.suffix.removeprefix(".")
    return suffix if made.name.endswith((".upright.png", ".upright.jpeg", f".clean.{kind}")) else kind


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
