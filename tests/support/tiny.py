"""Tiny pipelines with random weights, made here and now: no network, no downloads, a tenth of a second each.

What they paint is noise, but by the same classes, files and calls as the models that people run. Needs limner[diffusers].
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_HAS_DIFFUSERS = all(importlib.util.find_spec(name) for name in ("torch", "diffusers", "transformers", "peft"))
_WITHOUT = "open-weights models need limner[diffusers]: `make diffusers` installs it"

needs_diffusers = pytest.mark.skipif(not _HAS_DIFFUSERS, reason=_WITHOUT)
"""For single tests that paint with the real libraries."""


def skip_without_diffusers() -> None:
    """For the top of a file whose every test does: all such files together are one line of the report."""
    if not _HAS_DIFFUSERS:
        pytest.skip(_WITHOUT, allow_module_level=True)


KINDS = ("sd15", "sdxl", "klein", "z-image", "qwen-image", "ernie", "modular")


def build(kind: str, folder: Path) -> Path:
    """Make the tiny pipeline `kind` in `folder`, unless it is there already; gives the folder."""
    done = folder / ".done"
    if not done.exists():
        with _quietly():
            _BUILDERS[kind](folder)
        done.touch()
    return folder


def build_lora(kind: str, folder: Path, *, seed: int = 7) -> Path:
    """A lora for that tiny pipeline, strong enough to be seen."""
    import torch
    from peft import LoraConfig, get_peft_model_state_dict

    with _quietly():
        model = build(kind, folder / "of")
        from diffusers import DiffusionPipeline

        pipe = DiffusionPipeline.from_pretrained(str(model), local_files_only=True)
        name = "unet" if hasattr(pipe, "unet") else "transformer"
        painter = getattr(pipe, name)
        painter.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_k", "to_v"]))
        made = torch.Generator().manual_seed(seed)
        for key, weight in painter.named_parameters():
            if "lora_" in key:
                weight.data = torch.randn(weight.shape, generator=made)
        layers = {f"{name}_lora_layers": get_peft_model_state_dict(painter)}
        type(pipe).save_lora_weights(str(folder), **layers)
    return folder / "pytorch_lora_weights.safetensors"


# builders ----------------------------------------------------------------------------------------------------------------


def _sd15(folder: Path) -> None:
    import torch
    from diffusers import (
        DDIMScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=32,
        in_channels=4,
        out_channels=4,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False
    )
    StableDiffusionPipeline(
        unet=unet,
        scheduler=scheduler,
        vae=_vae(4),
        text_encoder=CLIPTextModel(_clip_config(16)),
        tokenizer=_clip_tokenizer(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(str(folder))


def _sdxl(folder: Path) -> None:
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=32,
        in_channels=4,
        out_channels=4,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1),
        projection_class_embeddings_input_dim=16 + 8 * 6,
        cross_attention_dim=32,
    )
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1
    )
    StableDiffusionXLPipeline(
        unet=unet,
        scheduler=scheduler,
        vae=_vae(4),
        text_encoder=CLIPTextModel(_clip_config(16)),
        text_encoder_2=CLIPTextModelWithProjection(_clip_config(16)),
        tokenizer=_clip_tokenizer(),
        tokenizer_2=_clip_tokenizer(),
    ).save_pretrained(str(folder))


def _klein(folder: Path) -> None:
    _klein_pipe().save_pretrained(str(folder))


def _klein_pipe() -> Any:
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, Flux2KleinPipeline, Flux2Transformer2DModel

    torch.manual_seed(0)
    transformer = Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=256,
        axes_dims_rope=[4, 4, 4, 4],
        guidance_embeds=False,
    )
    return Flux2KleinPipeline(
        transformer=transformer,
        vae=_flux2_vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        # The pipeline looks into layers 9, 18 and 27.
        text_encoder=_qwen3(layers=28),
        tokenizer=_qwen_tokenizer(),
        is_distilled=True,
    )


def _z_image(folder: Path) -> None:
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel

    torch.manual_seed(0)
    transformer = ZImageTransformer2DModel(
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        in_channels=4,
        dim=32,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        norm_eps=1e-5,
        qk_norm=True,
        cap_feat_dim=16,
        rope_theta=256.0,
        t_scale=1000.0,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 64, 64],
    )
    with torch.no_grad():
        # Made without values: what lies in memory by chance would be different every time.
        transformer.x_pad_token.copy_(torch.ones_like(transformer.x_pad_token))
        transformer.cap_pad_token.copy_(torch.ones_like(transformer.cap_pad_token))
    ZImagePipeline(
        transformer=transformer,
        vae=_vae(4, shift=0.0),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        text_encoder=_qwen3(layers=2),
        tokenizer=_qwen_tokenizer(),
    ).save_pretrained(str(folder))


def _qwen_image(folder: Path) -> None:
    import torch
    from diffusers import (
        AutoencoderKLQwenImage,
        FlowMatchEulerDiscreteScheduler,
        QwenImagePipeline,
        QwenImageTransformer2DModel,
    )
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    torch.manual_seed(0)
    tokenizer = _qwen_tokenizer()
    special = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("image_pad", "video_pad")}
    text = {
        "vocab_size": 300,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]},
    }
    vision = {
        "depth": 1,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "out_hidden_size": 16,
        "fullatt_block_indexes": [0],
    }
    encoder = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config=text,
            vision_config=vision,
            image_token_id=special["image_pad"],
            video_token_id=special["video_pad"],
            vision_start_token_id=tokenizer.convert_tokens_to_ids("<|vision_start|>"),
            vision_end_token_id=tokenizer.convert_tokens_to_ids("<|vision_end|>"),
        )
    )
    transformer = QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        guidance_embeds=False,
        axes_dims_rope=(8, 4, 4),
    )
    vae = AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        # Not all alike, so that a mistake with them is seen.
        latents_mean=[0.1, -0.2, 0.3, 0.0],
        latents_std=[1.0, 2.0, 0.5, 1.5],
    )
    QwenImagePipeline(
        transformer=transformer,
        vae=vae,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        text_encoder=encoder,
        tokenizer=tokenizer,
    ).save_pretrained(str(folder))


def _ernie(folder: Path) -> None:
    import torch
    from diffusers import ErnieImagePipeline, ErnieImageTransformer2DModel, FlowMatchEulerDiscreteScheduler

    torch.manual_seed(0)
    transformer = ErnieImageTransformer2DModel(
        hidden_size=32,
        num_attention_heads=2,
        num_layers=1,
        ffn_hidden_size=32,
        in_channels=16,
        out_channels=16,
        text_in_dim=16,
        rope_axes_dim=(8, 4, 4),
    )
    ErnieImagePipeline(
        transformer=transformer,
        vae=_flux2_vae(),
        text_encoder=_qwen3(layers=2).model,
        tokenizer=_qwen_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    ).save_pretrained(str(folder))


def _modular(folder: Path) -> None:
    """FLUX.2-klein again, made of blocks."""
    from diffusers import Flux2KleinAutoBlocks

    pipe = _klein_pipe()
    blocks = Flux2KleinAutoBlocks().init_pipeline()
    wanted = {name: part for name, part in pipe.components.items() if name in blocks.component_names}
    blocks.update_components(**wanted)
    blocks.save_pretrained(str(folder))


_BUILDERS: dict[str, Callable[[Path], None]] = {
    "sd15": _sd15,
    "sdxl": _sdxl,
    "klein": _klein,
    "z-image": _z_image,
    "qwen-image": _qwen_image,
    "ernie": _ernie,
    "modular": _modular,
}


# parts -------------------------------------------------------------------------------------------------------------------


def _vae(channels: int, *, shift: float | None = None) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=channels,
        norm_num_groups=4,
        sample_size=64,
        **({} if shift is None else {"shift_factor": shift, "scaling_factor": 1.0}),
    )


def _flux2_vae() -> Any:
    from diffusers import AutoencoderKLFlux2

    return AutoencoderKLFlux2(
        sample_size=32,
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def _qwen3(*, layers: int) -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=300,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
            max_position_embeddings=1024,
        )
    )


def _qwen_tokenizer() -> Any:
    """Every byte a token: any language can be written with it."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2TokenizerFast

    vocabulary = {letter: place for place, letter in enumerate(sorted(ByteLevel.alphabet()))}
    specials = ("im_start", "im_end", "vision_start", "vision_end", "image_pad", "video_pad")
    for special in ("<|endoftext|>", *(f"<|{name}|>" for name in specials)):
        vocabulary.setdefault(special, len(vocabulary))
    tokenizer = Qwen2TokenizerFast(
        vocab=vocabulary,
        merges=[],
        unk_token="<|endoftext|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=[f"<|{name}|>" for name in specials],
    )
    tokenizer.chat_template = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return tokenizer


def _clip_config(width: int) -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=520,
        hidden_size=width,
        intermediate_size=16,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
    )


def _clip_tokenizer() -> Any:
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: place for place, word in enumerate(words)}, merges=[], model_max_length=77)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    from limner.engines.diffusers_local.loading import quiet

    quiet()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def class_of(folder: Path) -> str:
    """The class that the pipeline in `folder` says it is of."""
    for name in ("model_index.json", "modular_model_index.json"):
        if (folder / name).exists():
            return str(json.loads((folder / name).read_text())["_class_name"])
    raise AssertionError(folder)
