"""The families of `keras.applications`, at small sizes."""

from keras import applications

from tests.zoo.rows import row

# Name, side of the image, whether the images are 0 to 255 (the model scales them itself), full-gradient sum.
_MODELS = (
    ("ConvNeXtTiny", 64, True, False),
    ("DenseNet121", 64, False, False),
    ("EfficientNetB0", 96, True, False),
    ("EfficientNetV2B0", 96, True, False),
    ("InceptionResNetV2", 107, False, False),
    ("InceptionV3", 107, False, False),
    ("MobileNet", 64, False, False),
    ("MobileNetV2", 96, False, False),
    ("MobileNetV3Large", 96, True, False),
    ("MobileNetV3Small", 96, True, False),
    ("NASNetMobile", 96, False, False),
    ("ResNet50", 96, False, True),
    ("ResNet50V2", 96, False, True),
    ("VGG16", 64, False, True),
    ("Xception", 96, False, False),
)


def _enter(name, side, scales, sums):
    @row(f"applications.{name}", pixels=(0, 255) if scales else (-1, 1), sums=sums)
    def build():
        return getattr(applications, name)(weights=None, input_shape=(side, side, 3), classes=10)


for _each in _MODELS:
    _enter(*_each)
