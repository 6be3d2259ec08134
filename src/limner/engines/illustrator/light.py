"""The light of a picture by the hour and the weather: the colours of sky, haze and ground light, and the subjects' tint."""

from __future__ import annotations

from dataclasses import dataclass, replace

from limner.engines.illustrator.colour import Tint, mix, shift


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """One hour's colours. `air` is what far things fade into; `tint` is what the hour does to near ones."""

    sky: tuple[str, str, str]
    air: str
    sun: str
    glow: str
    cloud: str
    cloud_shade: str
    water: tuple[str, str]
    shadow: str
    tint: Tint
    dark: bool = False
    low_sun: bool = False
    overcast: bool = False

    def on(self, colour: str) -> str:
        """A near thing's `colour` in this light."""
        return self.tint(colour)

    def far(self, colour: str, share: float) -> str:
        """`colour` seen through `share` (0-1) of air."""
        return mix(self.tint(colour), self.air, share)


_HOURS = {
    "day": (
        Light(
            sky=("#3f9fe8", "#93d2fa", "#e4f5ff"), air="#cfe8f5", sun="#fff6d0", glow="#fff3c4", cloud="#ffffff",
            cloud_shade="#d3e6f5", water=("#4bb8d6", "#0f5f9e"), shadow="#16324a", tint=Tint(),
        ),
        Light(
            sky=("#4ab5e6", "#a5e0f2", "#fdf3dc"), air="#dcecea", sun="#fff3c0", glow="#ffeeb8", cloud="#ffffff",
            cloud_shade="#dfe9ee", water=("#45bcc4", "#0d6a8c"), shadow="#1a3640", tint=Tint(colour="#fff1d0", share=0.03),
        ),
        Light(
            sky=("#8fd6f6", "#d5ecec", "#ffd9ae"), air="#f3dfc8", sun="#fff4d2", glow="#ffe9bd", cloud="#fffaf2",
            cloud_shade="#f2dccb", water=("#56b3cf", "#0e5590"), shadow="#2b3346", tint=Tint(colour="#ffe2b8", share=0.05), low_sun=True,
        ),
    ),
    "dawn": (
        Light(
            sky=("#6fa5e3", "#f3c6d6", "#ffe6bf"), air="#f2d3d4", sun="#fff0c8", glow="#ffd9b0", cloud="#fff1ee",
            cloud_shade="#e6bccb", water=("#9fb9dd", "#3d6ba6"), shadow="#2e2c52", tint=Tint(colour="#ffc4c0", share=0.08), low_sun=True,
        ),
    ),
    "sunset": (
        Light(
            sky=("#41509f", "#e2768a", "#ffce7a"), air="#f0a38a", sun="#fff0b0", glow="#ffb765", cloud="#ffc4a0",
            cloud_shade="#b9648c", water=("#d98a84", "#3c3f86"), shadow="#2a1f4a", tint=Tint(colour="#f08858", share=0.13, light=0.97), low_sun=True,
        ),
        Light(
            sky=("#5a5fb5", "#f08e78", "#ffd98c"), air="#f2b08c", sun="#fff2bc", glow="#ffc070", cloud="#ffd2b0",
            cloud_shade="#c8718a", water=("#e09c80", "#44467f"), shadow="#33204a", tint=Tint(colour="#f5955a", share=0.12, light=0.98), low_sun=True,
        ),
    ),
    "night": (
        Light(
            sky=("#090f2e", "#1a2a63", "#4b518f"), air="#343f7c", sun="#fff7dc", glow="#b8c4ff", cloud="#5a659f",
            cloud_shade="#333d75", water=("#2e3f86", "#0b1438"), shadow="#050920", tint=Tint(colour="#16245e", share=0.19, light=0.97), dark=True,
        ),
        Light(
            sky=("#0a1230", "#143a62", "#3f6d8f"), air="#2d5377", sun="#fdf8e0", glow="#a9d4ff", cloud="#4f7396",
            cloud_shade="#2b4a6c", water=("#275a80", "#0a1a38"), shadow="#04101f", tint=Tint(colour="#10304f", share=0.19, light=0.97), dark=True,
        ),
    ),
}  # fmt: skip


def light_for(*, time: str, weather: str | None, choice: int) -> Light:
    """The light of `time` under `weather`; `choice` picks among the hour's variants."""
    variants = _HOURS[time]
    light = variants[choice % len(variants)]
    if weather in {"rain", "fog"} or (weather == "snow" and not light.dark):
        grey, share = ("#6f7d8c", 0.62) if weather == "rain" else ("#dfe6ec", 0.5)
        if light.dark:
            grey = "#242c44"
        sky = tuple(mix(colour, grey, share) for colour in light.sky)
        return replace(
            light,
            sky=(sky[0], sky[1], shift(sky[2], 0.02)),
            air=mix(light.air, grey, share),
            cloud=mix(light.cloud, grey, 0.35),
            cloud_shade=mix(light.cloud_shade, grey, 0.5),
            water=(mix(light.water[0], grey, 0.4), mix(light.water[1], grey, 0.25)),
            tint=replace(light.tint, colour=mix(light.tint.colour, grey, 0.6), share=light.tint.share + 0.06),
            overcast=True,
        )
    return light
