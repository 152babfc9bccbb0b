"""Models of other packages with convolutions: random weights, 64 x 64."""

from tests.zoo.rows import row

IMAGE, UNITS = (64, 64, 3), 10
PLAIN = {"weights": None, "input_shape": IMAGE, "classes": UNITS}


@row("port.efficientnet(qubvel).B0")
def efficientnet():
    from efficientnet.tfkeras import EfficientNetB0

    return EfficientNetB0(**PLAIN)


@row("port.keras_unet_collection.unet_2d", kind="dense output")
def unet_2d():
    from keras_unet_collection.models import unet_2d

    return unet_2d(IMAGE, [4, 8, 16], n_labels=3, pool=True, unpool=True)


@row("port.keras_vision.MobileViT")
def keras_vision_mobilevit():
    from keras_vision.MobileViT_v1 import build_MobileViT_v1

    return build_MobileViT_v1("XXS", num_classes=UNITS, input_shape=IMAGE)


def _enter_kimm(name, **facts):
    @row(f"port.kimm.{name}", pixels=(0, 255), **facts)
    def build():
        import kimm.models

        return getattr(kimm.models, name)(**PLAIN)


_enter_kimm("ConvNeXtAtto")
_enter_kimm("GhostNetW100")
_enter_kimm("LCNet050")
_enter_kimm("MobileViTXXS")
_enter_kimm("RepVGGA0")
_enter_kimm("ResNet18", sums=True)


@row("port.medicai.MixViTB0")
def mixvit():
    from medicai.models import MixViTB0

    return MixViTB0(input_shape=IMAGE, num_classes=UNITS)


@row("port.segmodels_keras.Unet", kind="dense output")
def segmodels_unet():
    import segmodels_keras

    return segmodels_keras.Unet("mobilenetv2", input_shape=IMAGE, classes=3, activation="softmax", encoder_weights=None)


@row("port.tfswin.Swin", pixels=(0, 255))
def tfswin():
    from tfswin import SwinTransformer

    return SwinTransformer(64, 4, 16, (2, 2), (2, 4), input_shape=IMAGE, classes=UNITS)


@row("port.zeromodels.MobileViT")
def zeromodels_mobilevit():
    from zeromodels.models.mobilevit import MobileViTConfig, MobileViTImageClassify

    return MobileViTImageClassify(MobileViTConfig(image_size=64, num_classes=UNITS))


@row("port.zeromodels.PoolFormer")
def poolformer():
    from zeromodels.models.poolformer import PoolFormerConfig, PoolFormerImageClassify

    sizes = {"embed_dim": (8, 16, 32, 64), "depths": (1, 1, 1, 1)}
    return PoolFormerImageClassify(PoolFormerConfig(**sizes, image_size=64, num_classes=UNITS))


@row("port.zeromodels.Swin")
def zeromodels_swin():
    from zeromodels.models.swin import SwinConfig, SwinImageClassify

    sizes = {"window_size": 4, "embed_dim": 16, "depths": (2, 2), "num_heads": (2, 4)}
    return SwinImageClassify(SwinConfig(**sizes, image_size=64, pretrain_size=64, num_classes=UNITS))
