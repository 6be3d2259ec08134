from collections.abc import Callable

import pytest

from limner.domain.spec import Background, OutputFormat, Quality, Spec, Style
from limner.engines.illustrator.studio import Studio
from limner.engines.illustrator.words import Lexicon


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    return Lexicon()


@pytest.fixture(scope="session")
def studio() -> Studio:
    return Studio()


@pytest.fixture
def a_spec() -> Callable[..., Spec]:
    def make(prompt: str = "A cute baby sea otter", **changes: object) -> Spec:
        plain = {
            "prompt": prompt,
            "n": 1,
            "width": 256,
            "height": 256,
            "quality": Quality.STANDARD,
            "style": Style.VIVID,
            "background": Background.OPAQUE,
            "output_format": OutputFormat.PNG,
            "output_compression": 100,
            "seed": 7,
        }
        return Spec(**(plain | changes))

    return make
