"""Models of other packages with tokens: random weights, 64 x 64."""

from tests.zoo.rows import row

IMAGE, UNITS = (64, 64, 3), 10
GRID = ((8, 8),)


@row("port.k3im.CCT", kind="tokens", block="add_1", grids=((16, 16),))
def cct():
    from k3im.cct import CCT

    return CCT(
        input_shape=IMAGE,
        num_heads=2,
        projection_dim=32,
        kernel_size=3,
        stride=1,
        padding=1,
        transformer_units=[32, 32],
        stochastic_depth_rate=0.1,
        transformer_layers=2,
        num_classes=UNITS,
    )


K3IM = {"image_size": 64, "patch_size": 8, "num_classes": UNITS, "dim": 32, "depth": 2, "heads": 2, "mlp_dim": 64}


@row("port.k3im.SimpleViT_registers", kind="tokens", block="add_2", after=4, grids=GRID)
def simple_vit_registers():
    from k3im.simple_vit_with_register_tokens import SimpleViT_RT

    return SimpleViT_RT(**K3IM, dim_head=16)


@row("port.k3im.Swin", kind="tokens", block="swin_transformer_1", grids=((16, 16), (8, 8)))
def k3im_swin():
    from k3im.swint import SwinTModel

    return SwinTModel(
        img_size=64,
        patch_size=4,
        embed_dim=32,
        num_heads=4,
        window_size=4,
        num_mlp=64,
        qkv_bias=True,
        dropout_rate=0.0,
        shift_size=2,
        num_classes=UNITS,
    )


def _k3im_vit(pool):
    # Its class token comes last: of 65 tokens the first 64 have a place.
    from k3im.vit import ViT

    return ViT(**K3IM, dim_head=16, pool=pool)


@row("port.k3im.ViT", kind="tokens", block="add_1", after=1, grids=GRID)
def k3im_vit():
    return _k3im_vit("mean")


@row("port.k3im.ViT_cls", kind="tokens", block="add_1", after=1, grids=GRID)
def k3im_vit_cls():
    return _k3im_vit("cls")


@row(
    "port.kimm.VisionTransformerTiny16",
    kind="tokens",
    pixels=(0, 255),
    block="add_21",
    before=1,
    grids=((4, 4),),
    sums=True,
)
def kimm_vit():
    import kimm.models

    return kimm.models.VisionTransformerTiny16(weights=None, input_shape=IMAGE, classes=UNITS)


TFVIT = {"img_size": 64, "input_shape": IMAGE, "classes": UNITS, "patch_size": 8, "hidden_size": 32}


@row("port.tfvit.ViT", kind="tokens", pixels=(0, 255), block="layer_0_mlp_add", before=1, grids=GRID)
def tfvit():
    from tfvit import ViT

    return ViT(**TFVIT, num_layers=2, num_heads=2)


@row("port.tfvit.ViT_registers", kind="tokens", pixels=(0, 255), block="layer_0_mlp_add", before=5, grids=GRID)
def tfvit_registers():
    from tfvit import ViT

    return ViT(**TFVIT, num_layers=2, num_heads=2, num_reg=4)


@row("port.vit_keras.vit", kind="tokens", block="Transformer_encoderblock_0", before=1, grids=GRID)
def vit_keras():
    from vit_keras import vit

    return vit.build_model(
        image_size=64,
        patch_size=8,
        num_layers=2,
        hidden_size=32,
        num_heads=2,
        name="vit",
        mlp_dim=64,
        classes=UNITS,
        activation="softmax",
    )


def _zeromodels(module, name, **facts):
    import importlib

    found = importlib.import_module(f"zeromodels.models.{module}")
    config = getattr(found, f"{name}Config")(**facts, num_classes=UNITS)
    return getattr(found, f"{name}ImageClassify")(config)


PATCHES = {"patch_size": 8, "embed_dim": 32, "depth": 2, "image_size": 64}


@row("port.zeromodels.DeiT", kind="tokens", block="blocks_0_add_2", before=2, grids=GRID)
def zeromodels_deit():
    return _zeromodels("deit", "DeiT", **PATCHES, num_heads=2, use_distillation=True)


@row("port.zeromodels.LeViT", kind="tokens", block="stage0_mlp0_res", grids=((4, 4), (2, 2), (1, 1)))
def levit():
    sizes = {"hidden_sizes": (32, 48, 64), "num_attention_heads": (2, 3, 4), "depths": (1, 1, 1)}
    return _zeromodels("levit", "Levit", **sizes, key_dim=(8, 8, 8), image_size=64)


@row("port.zeromodels.ResMLP", kind="tokens", block="blocks_0_add_2", grids=GRID)
def resmlp():
    return _zeromodels("resmlp", "ResMLP", **PATCHES)


@row("port.zeromodels.ViT", kind="tokens", block="blocks_0_add_2", before=1, grids=GRID)
def zeromodels_vit():
    return _zeromodels("vit", "ViT", **PATCHES, num_heads=2)
