"""How people write models with convolutions: transfer learning, wrappers, two heads, grayscale, segmentation."""

import keras
from keras import applications, layers, ops

from tests.zoo.rows import row

IMAGE, UNITS = (64, 64, 3), 5


def _mobilenet(**options):
    return applications.MobileNetV2(weights=None, include_top=False, input_shape=IMAGE, **options)


@row("idiom.binary_dense1", sums=True)
def binary_dense1():
    return keras.Sequential(
        [
            keras.Input(IMAGE),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


@row("idiom.gray_no_channel")
def gray_no_channel():
    x = inputs = keras.Input((28, 28))
    x = layers.Reshape((28, 28, 1))(x)
    x = layers.Conv2D(16, 3, activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))


@row("idiom.kerasio_convmixer", pixels=(0, 255), sums=True)
def kerasio_convmixer():
    def block(x):
        return layers.BatchNormalization()(layers.Activation("gelu")(x))

    x = inputs = keras.Input(IMAGE)
    x = block(layers.Conv2D(32, 4, strides=4)(layers.Rescaling(1 / 255)(x)))
    for _ in range(3):
        x = layers.Add()([block(layers.DepthwiseConv2D(5, padding="same")(x)), x])
        x = block(layers.Conv2D(32, 1)(x))
    return keras.Model(inputs, layers.Dense(UNITS, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


@row("idiom.metric_normalized", sums=True)
def metric_normalized():
    x = inputs = keras.Input(IMAGE)
    x = layers.Conv2D(16, 3, activation="relu")(x)
    x = layers.Dense(8)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.UnitNormalization()(x))


@row("idiom.mixed_precision", pixels=(-1, 1), loose=3e-2)
def mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        base = _mobilenet()
        x = layers.Dense(UNITS)(layers.GlobalAveragePooling2D()(base.output))
        return keras.Model(base.input, layers.Activation("softmax", dtype="float32")(x))
    finally:
        keras.mixed_precision.set_global_policy("float32")


@row("idiom.mnist_cnn")
def mnist_cnn():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


@row("idiom.mnist_mlp", kind="no layer")
def mnist_mlp():
    dense = [layers.Dense(32, activation="relu"), layers.Dropout(0.2), layers.Dense(10)]
    return keras.Sequential([keras.Input((28, 28)), layers.Flatten(), *dense])


@row("idiom.mnist_mlp_channel", kind="no layer")
def mnist_mlp_channel():
    dense = [layers.Dense(32, activation="relu"), layers.Dropout(0.2), layers.Dense(10, activation="softmax")]
    return keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), *dense])


@row("idiom.tl_base_output", pixels=(-128, 128))
def tl_base_output():
    base = applications.VGG16(weights=None, include_top=False, input_shape=IMAGE)
    x = layers.Dense(64, activation="relu")(layers.GlobalAveragePooling2D()(base.output))
    return keras.Model(base.input, layers.Dense(UNITS, activation="softmax")(x))


@row("idiom.tl_lambda_preprocess", pixels=(0, 255), sums=True)
def tl_lambda_preprocess():
    base = applications.MobileNet(weights=None, include_top=False, input_shape=IMAGE)
    x = inputs = keras.Input(IMAGE)
    x = base(layers.Lambda(applications.mobilenet.preprocess_input)(x))
    return keras.Model(inputs, layers.Dense(UNITS, activation="softmax")(layers.GlobalMaxPooling2D()(x)))


@row("idiom.tl_mobilenet", pixels=(0, 255), sums=True)
def tl_mobilenet():
    base = _mobilenet()
    base.trainable = False
    x = inputs = keras.Input(IMAGE)
    x = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.2)])(x)
    x = base(applications.mobilenet_v2.preprocess_input(x), training=False)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(UNITS)(x))


@row("idiom.tl_pooling_avg", pixels=(-2, 2))
def tl_pooling_avg():
    base = applications.DenseNet121(weights=None, include_top=False, input_shape=IMAGE, pooling="avg")
    base.trainable = False
    return keras.Sequential([keras.Input(IMAGE), base, layers.Dense(UNITS, activation="softmax")])


@row("idiom.tl_resizing", shape=(90, 120, 3), pixels=(0, 255), sums=True)
def tl_resizing():
    x = inputs = keras.Input((90, 120, 3))
    x = _mobilenet()(layers.Rescaling(1 / 127.5, offset=-1)(layers.Resizing(64, 64)(x)))
    return keras.Model(inputs, layers.Dense(UNITS, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


@row("idiom.tl_resnet_caffe", pixels=(0, 255), sums=True)
def tl_resnet_caffe():
    base = applications.ResNet50(weights=None, include_top=False, input_shape=IMAGE)
    x = inputs = keras.Input(IMAGE)
    x = layers.Flatten()(base(applications.resnet50.preprocess_input(x)))
    x = layers.Dense(32, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(UNITS, activation="softmax")(layers.Dropout(0.5)(x)))


@row("idiom.tl_sequential", pixels=(0, 255), sums=True)
def tl_sequential():
    base = applications.EfficientNetV2B0(weights=None, include_top=False, input_shape=IMAGE)
    head = [layers.GlobalAveragePooling2D(), layers.Dropout(0.2), layers.Dense(UNITS, activation="softmax")]
    return keras.Sequential([keras.Input(IMAGE), base, *head])


class Transfer(keras.Model):
    """A backbone in a subclassed model; the softmax is a function in `call`."""

    def __init__(self):
        super().__init__()
        self.augment = layers.RandomFlip("horizontal")
        self.scale = layers.Rescaling(1 / 127.5, offset=-1)
        self.base = _mobilenet()
        self.pool = layers.GlobalAveragePooling2D()
        self.head = layers.Dense(UNITS)

    def logits(self, x, training=False):
        x = self.scale(self.augment(x, training=training))
        return self.head(self.pool(self.base(x, training=training)))

    def call(self, x, training=False):
        return ops.softmax(self.logits(x, training))


@row("idiom.tl_subclass", shape=IMAGE, pixels=(0, 255), sums=True, scores=lambda model: model.logits)
def tl_subclass():
    model = Transfer()
    model.build((None, *IMAGE))
    return model


@row("idiom.tl_two_head", pixels=(-1, 1), head="species")
def tl_two_head():
    base = _mobilenet()
    x = layers.GlobalAveragePooling2D()(base.output)
    species = layers.Dense(UNITS, activation="softmax", name="species")(x)
    return keras.Model(base.input, {"species": species, "age": layers.Dense(1, name="age")(x)})


@row("idiom.unet", kind="dense output")
def unet():
    x = inputs = keras.Input(IMAGE)
    x = top = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(x))
    x = layers.Concatenate()([layers.UpSampling2D()(x), top])
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    return keras.Model(inputs, layers.Conv2D(3, 1, activation="softmax")(x))
