"""Vision transformers of keras_hub: random weights, small sizes, 64 patches."""

import keras
import keras_hub.models as hub
import numpy as np
from keras import layers

from tests.zoo.rows import row

IMAGE, UNITS = (64, 64, 3), 5
SIZES = {"patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 32, "intermediate_dim": 64}
GRID = ((8, 8),)


def _pooled(encoder):
    return keras.Model(encoder.input, layers.Dense(UNITS)(layers.GlobalAveragePooling1D()(encoder.output)))


def _by_class_token(backbone):
    return keras.Model(backbone.input, layers.Dense(UNITS, name="predictions")(backbone.output[:, 0]))


def _with_texts(model, images):
    tokens = np.random.default_rng(0).integers(1, 100, (len(images), 8))
    return {"images": images, "token_ids": tokens.astype("int32")}


@row(
    "keras_hub.clip",
    kind="detector",
    head=1,  # the two have one name
    inputs=_with_texts,
    block="clip_vision_encoder/encoder_block_0",
    before=1,
    grids=GRID,
)
def clip():
    vision = hub.CLIPVisionEncoder(**SIZES, image_shape=IMAGE)
    sizes = {name: SIZES[name] for name in ("num_layers", "num_heads", "hidden_dim", "intermediate_dim")}
    text = hub.CLIPTextEncoder(vocabulary_size=100, embedding_dim=32, max_sequence_length=8, **sizes)
    return hub.CLIPBackbone(vision_encoder=vision, text_encoder=text, projection_dim=16)


@row("keras_hub.clip_vision", kind="tokens", block="encoder_block_0", before=1, grids=GRID, sums=True)
def clip_vision():
    return _pooled(hub.CLIPVisionEncoder(**SIZES, image_shape=IMAGE))


@row(
    "keras_hub.deit",
    kind="tokens",
    block="dei_t_backbone/deit_encoder/transformer_block_1",
    before=2,
    grids=GRID,
    sums=True,
)
def deit():
    backbone = hub.DeiTBackbone(**SIZES, image_shape=IMAGE)
    return hub.DeiTImageClassifier(backbone=backbone, num_classes=UNITS)


def _dinov2(**options):
    return hub.DINOV2Backbone(**SIZES, image_shape=IMAGE, position_embedding_shape=IMAGE, **options)


@row("keras_hub.dinov2", kind="tokens", block="encoder/layers_0", before=1, grids=GRID, sums=True)
def dinov2():
    return _by_class_token(_dinov2())


@row(
    "keras_hub.dinov2_nested_gap",
    kind="tokens",
    block="dinov2_backbone/encoder/layers_0",
    before=1,
    grids=GRID,
    sums=True,
)
def dinov2_nested_gap():
    inputs = keras.Input(IMAGE)
    x = layers.GlobalAveragePooling1D()(_dinov2()(inputs))
    return keras.Model(inputs, layers.Dense(UNITS)(x))


@row("keras_hub.dinov2_registers", kind="tokens", block="encoder/layers_0", before=5, grids=GRID, sums=True)
def dinov2_registers():
    return _by_class_token(_dinov2(num_register_tokens=4))


@row("keras_hub.dinov3", kind="tokens", block="encoder/layers_0", before=5, grids=GRID, sums=True)
def dinov3():
    return _by_class_token(hub.DINOV3Backbone(**SIZES, image_shape=IMAGE))


@row("keras_hub.metaclip2_vision", kind="tokens", block="encoder_block_0", before=1, grids=GRID, sums=True)
def metaclip2_vision():
    return _pooled(hub.MetaCLIP2VisionEncoder(**SIZES, image_shape=IMAGE))


@row("keras_hub.siglip_vision", kind="tokens", block="encoder_block_0", grids=GRID, sums=True)
def siglip_vision():
    encoder = hub.SigLIPVisionEncoder(**SIZES, image_shape=IMAGE)  # it pools by attention
    return keras.Model(encoder.input, layers.Dense(UNITS)(encoder.output))


@row(
    "keras_hub.swin",
    kind="tokens",
    block="swin_transformer_backbone/stage_1/blocks_1",
    grids=((16, 16), (8, 8), (4, 4)),
    sums=True,
)
def swin():
    backbone = hub.SwinTransformerBackbone(
        image_shape=IMAGE, embed_dim=24, depths=(2, 2, 2), num_heads=(2, 4, 8), window_size=4
    )
    return hub.SwinTransformerImageClassifier(backbone=backbone, num_classes=UNITS)


def _vit(token, pooling):
    backbone = hub.ViTBackbone(
        image_shape=IMAGE,
        patch_size=8,
        num_layers=4,
        num_heads=4,
        hidden_dim=48,
        mlp_dim=64,
        use_class_token=token,
    )
    return hub.ViTImageClassifier(backbone=backbone, num_classes=UNITS, pooling=pooling)


BLOCK = "vi_t_backbone/vit_encoder/transformer_block_3"


@row("keras_hub.vit", kind="tokens", block=BLOCK, before=1, grids=GRID, sums=True)
def vit():
    return _vit(True, "token")


@row("keras_hub.vit_gap", kind="tokens", block=BLOCK, grids=GRID, sums=True)
def vit_gap():
    return _vit(False, "gap")
