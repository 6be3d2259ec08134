"""Unfinished pictures: what a step believes the finished one to be, and a decoder that makes it visible.

At every step a model says where it is heading; `heading_of` reads that from what the scheduler is given. What is in the
latents themselves is still mostly noise. Imports torch when called.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from limner.engines.diffusers_local.loading import library

_SCALED_BY_SIGMA: Final = ("Euler", "Heun", "LMS", "KDPM2")
_PACKED_EDGE: Final = 2
"""Pipelines that pack their latents put 2 x 2 of them into one."""


def heading_of(scheduler: Any, output: Any, timestep: Any, sample: Any) -> Any | None:
    """The latents that the model is heading for, from what a scheduler's `step` is called with; None: it cannot be said."""
    name = type(scheduler).__name__
    kind = scheduler.config.get("prediction_type", "epsilon")
    if name.startswith("FlowMatch") or kind == "flow_prediction":
        return _float(sample) - _sigma(scheduler, timestep) * _float(output)
    if kind == "sample":
        return output
    if name.startswith(_SCALED_BY_SIGMA):
        return _from_sigma(kind, _sigma(scheduler, timestep), _float(output), _float(sample))
    products = getattr(scheduler, "alphas_cumprod", None)
    if products is None:
        return None
    return _from_product(kind, products[int(timestep)].to(sample.device).float(), _float(output), _float(sample))


def _from_sigma(kind: str, sigma: Any, output: Any, sample: Any) -> Any:
    """Noise was added sigma times."""
    if kind == "epsilon":
        return sample - sigma * output
    return output * (-sigma / (sigma**2 + 1) ** 0.5) + sample / (sigma**2 + 1)


def _from_product(kind: str, product: Any, output: Any, sample: Any) -> Any:
    """Noise and picture were mixed, `product` being the picture's share."""
    if kind == "epsilon":
        return (sample - (1 - product) ** 0.5 * output) / product**0.5
    return product**0.5 * sample - (1 - product) ** 0.5 * output


def _float(tensor: Any) -> Any:
    return tensor.float()


def _sigma(scheduler: Any, timestep: Any) -> Any:
    if scheduler.step_index is None:
        scheduler._init_step_index(timestep)  # noqa: SLF001 - what `step` itself does first
    return scheduler.sigmas[scheduler.step_index].float()


def seen(pipe: Any, latents: Any, *, width: int, height: int, decoder: Any | None) -> Any | None:
    """Latents as pictures between 0 and 1 (batch, 3, height, width); None: nobody knows how to unpack these.

    `decoder`: a tiny one for this kind of latents; None: the model's own, which takes as long as for the finished picture.
    """
    vae = getattr(pipe, "vae", None)
    if vae is None:
        return None
    latents = latents.to(vae.dtype)
    unpacked = _unpacked(pipe, latents, width=width, height=height)
    if unpacked is None:
        return None
    if decoder is not None and unpacked.ndim == 4:  # noqa: PLR2004 - batch, channels, height, width
        pictures = decoder.decode(unpacked.to(decoder.dtype), return_dict=False)[0]
    else:
        with _precise(vae) as cast:
            pictures = vae.decode(cast(_denormalised(pipe, unpacked)), return_dict=False)[0]
    if pictures.ndim == 5:  # noqa: PLR2004 - and frames, of which there is one
        pictures = pictures[:, :, 0]
    return (pictures.float() / 2 + 0.5).clamp(0, 1)


def _unpacked(pipe: Any, latents: Any, *, width: int, height: int) -> Any | None:
    vae = pipe.vae
    if hasattr(vae, "bn"):
        return _patches_of_flux2(pipe, latents, width=width, height=height)
    if latents.ndim >= 4:  # noqa: PLR2004
        return latents
    unpack = getattr(pipe, "_unpack_latents", None)
    factor = getattr(pipe, "vae_scale_factor", None)
    if unpack is None or factor is None:
        return None
    return unpack(latents, height, width, factor)


def _patches_of_flux2(pipe: Any, latents: Any, *, width: int, height: int) -> Any:
    """Rows of patches, normalised by the decoder's own statistics: back to a plane of latents."""
    vae = pipe.vae
    factor = 2 ** (len(vae.config.block_out_channels) - 1) * _PACKED_EDGE
    rows, columns = height // factor, width // factor
    if latents.ndim == 3:  # noqa: PLR2004 - batch, patches, channels
        latents = latents.reshape(latents.shape[0], rows, columns, -1).permute(0, 3, 1, 2)
    mean = vae.bn.running_mean.view(1, -1, 1, 1).to(latents)
    deviation = (vae.bn.running_var.view(1, -1, 1, 1).to(latents) + vae.config.batch_norm_eps) ** 0.5
    latents = latents * deviation + mean
    batch, channels, rows, columns = latents.shape
    plane = latents.reshape(batch, channels // 4, 2, 2, rows, columns).permute(0, 1, 4, 2, 5, 3)
    return plane.reshape(batch, channels // 4, rows * 2, columns * 2)


def _denormalised(pipe: Any, latents: Any) -> Any:
    """As the decoder was trained on them."""
    config = pipe.vae.config
    if hasattr(pipe.vae, "bn"):
        return latents
    means, deviations = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    if means is not None and deviations is not None and len(means) == latents.shape[1]:
        shape = (1, -1) + (1,) * (latents.ndim - 2)
        mean, deviation = latents.new_tensor(means).view(shape), latents.new_tensor(deviations).view(shape)
        return latents * deviation / (getattr(config, "scaling_factor", None) or 1.0) + mean
    return latents / (getattr(config, "scaling_factor", None) or 1.0) + (getattr(config, "shift_factor", None) or 0.0)


@contextlib.contextmanager
def _precise(vae: Any) -> Iterator[Any]:
    """Some decoders overflow in 16 bits and say so: those are asked in 32."""
    torch = library("torch")
    if vae.dtype == torch.float16 and getattr(vae.config, "force_upcast", False):
        vae.to(torch.float32)
        try:
            yield lambda latents: latents.float()
        finally:
            vae.to(torch.float16)
    else:
        yield lambda latents: latents


def wanted_at(*, steps: int, partials: int) -> frozenset[int]:
    """After which steps (counting from 1) unfinished pictures are shown: evenly, never after the last."""
    return frozenset(max(1, number * steps // (partials + 1)) for number in range(1, partials + 1)) - {steps}
