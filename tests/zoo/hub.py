"""Models of keras_hub with convolutions, dense outputs and boxes: random weights, small sizes."""

import keras
import keras_hub.models as hub
import numpy as np
from keras import layers
from keras_hub.layers import ResNetImageConverter, SAMMaskDecoder, SAMPromptEncoder

from tests.zoo.rows import row

IMAGE, UNITS = (64, 64, 3), 5


def _resnet_backbone(shape=IMAGE, pre=False):
    return hub.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64, 128],
        stackwise_num_blocks=[2, 2, 2],
        stackwise_num_strides=[1, 2, 2],
        block_type="basic_block",
        use_pre_activation=pre,
        image_shape=shape,
    )


def _mit_backbone():
    return hub.MiTBackbone(
        layerwise_depths=[2, 2, 2, 2],
        num_layers=4,
        layerwise_num_heads=[1, 2, 4, 8],
        layerwise_sr_ratios=[8, 4, 2, 1],
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=[4, 2, 2, 2],
        image_shape=IMAGE,
        hidden_dims=[16, 32, 64, 128],
    )


@row("keras_hub.basnet", kind="dense output")
def basnet():
    encoder = hub.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=[2, 2, 2, 2],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
    )
    backbone = hub.BASNetBackbone(image_encoder=encoder, num_classes=1, image_shape=IMAGE)
    return hub.BASNetImageSegmenter(backbone=backbone)


@row("keras_hub.cspnet", sums=True)
def cspnet():
    backbone = hub.CSPNetBackbone(
        stem_filters=12,
        stem_kernel_size=3,
        stem_strides=1,
        stackwise_depth=[1, 2, 2],
        stackwise_strides=[2, 2, 2],
        stackwise_num_filters=[12, 24, 48],
        block_type="bottleneck_block",
        stage_type="csp",
        block_ratio=[0.5],
        image_shape=IMAGE,
    )
    return hub.ImageClassifier(backbone=backbone, num_classes=UNITS)


def _deeplab(shape):
    encoder = hub.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64, 64],
        stackwise_num_blocks=[2, 2, 2],
        stackwise_num_strides=[1, 2, 2],
        block_type="bottleneck_block",
        image_shape=shape,
    )
    backbone = hub.DeepLabV3Backbone(
        image_encoder=encoder,
        low_level_feature_key="P2",
        spatial_pyramid_pooling_key="P4",
        dilation_rates=[2, 3],
        upsampling_size=4,
        image_shape=shape,
    )
    return hub.DeepLabV3ImageSegmenter(backbone=backbone, num_classes=3)


@row("keras_hub.deeplab", kind="dense output", shape=IMAGE)
def deeplab():
    return _deeplab((None, None, 3))


@row("keras_hub.deeplab_gap", sums=True)
def deeplab_gap():
    segmenter = _deeplab(IMAGE)
    return keras.Model(segmenter.input, layers.GlobalAveragePooling2D()(segmenter.output))


@row("keras_hub.densenet", sums=True)
def densenet():
    backbone = hub.DenseNetBackbone(stackwise_num_repeats=[3, 3, 3], growth_rate=16, image_shape=IMAGE)
    return hub.ImageClassifier(backbone=backbone, num_classes=UNITS)


def _hgnet(out_features=None):
    return hub.HGNetV2Backbone(
        depths=[1, 1, 1],
        embedding_size=16,
        hidden_sizes=[32, 48, 64],
        stem_channels=[3, 8, 16],
        hidden_act="relu",
        use_learnable_affine_block=True,
        stackwise_stage_filters=[[16, 8, 32, 1, 2, 3], [32, 16, 48, 1, 2, 3], [48, 16, 64, 1, 2, 3]],
        apply_downsample=[False, True, False],
        use_lightweight_conv_block=[False, False, True],
        image_shape=IMAGE,
        **({} if out_features is None else {"out_features": out_features}),
    )


@row("keras_hub.dfine", kind="detector")
def dfine():
    backbone = hub.DFineBackbone(
        backbone=_hgnet(["stage2", "stage3"]),
        decoder_in_channels=[16, 16],
        encoder_hidden_dim=16,
        num_denoising=0,
        num_labels=4,
        hidden_dim=16,
        learn_initial_query=False,
        num_queries=10,
        anchor_image_size=(64, 64),
        feat_strides=[8, 8],
        num_feature_levels=2,
        encoder_in_channels=[48, 64],
        encode_proj_layers=[1],
        num_attention_heads=2,
        encoder_ffn_dim=32,
        num_encoder_layers=1,
        hidden_expansion=0.5,
        depth_multiplier=0.5,
        eval_idx=-1,
        num_decoder_layers=2,
        decoder_attention_heads=2,
        decoder_ffn_dim=32,
        decoder_n_points=[2, 2],
        lqe_hidden_dim=16,
        num_lqe_layers=2,
        out_features=["stage2", "stage3"],
        image_shape=IMAGE,
        seed=0,
    )
    return hub.DFineObjectDetector(backbone=backbone, num_classes=4, bounding_box_format="yxyx")


@row("keras_hub.efficientnet", sums=True)
def efficientnet():
    backbone = hub.EfficientNetBackbone(
        stackwise_width_coefficients=[1.0] * 7,
        stackwise_depth_coefficients=[1.0] * 7,
        stackwise_kernel_sizes=[3, 3, 5, 3, 5, 5, 3],
        stackwise_num_repeats=[1, 2, 2, 3, 3, 4, 1],
        stackwise_input_filters=[32, 16, 24, 40, 80, 112, 192],
        stackwise_output_filters=[16, 24, 40, 80, 112, 192, 320],
        stackwise_expansion_ratios=[1, 6, 6, 6, 6, 6, 6],
        stackwise_strides=[1, 2, 2, 2, 1, 2, 1],
        stackwise_squeeze_and_excite_ratios=[0.25] * 7,
        stackwise_block_types=["v1"] * 7,
        input_shape=IMAGE,
    )
    return hub.EfficientNetImageClassifier(backbone=backbone, num_classes=UNITS)


@row("keras_hub.hgnetv2", sums=True)
def hgnetv2():
    return hub.HGNetV2ImageClassifier(backbone=_hgnet(), preprocessor=None, num_classes=UNITS, head_filters=128)


@row("keras_hub.mit", sums=True)
def mit():
    return hub.MiTImageClassifier(backbone=_mit_backbone(), num_classes=UNITS)


@row("keras_hub.mobilenet", sums=True)
def mobilenet():
    backbone = hub.MobileNetBackbone(
        stackwise_expansion=[[40, 56], [64, 144, 144], [72, 72], [144, 288, 288]],
        stackwise_num_blocks=[2, 3, 2, 3],
        stackwise_num_filters=[[16, 16], [24, 24, 24], [24, 24], [48, 48, 48]],
        stackwise_kernel_size=[[3, 3], [5, 5, 5], [5, 5], [5, 5, 5]],
        stackwise_num_strides=[[2, 1], [2, 1, 1], [1, 1], [2, 1, 1]],
        stackwise_se_ratio=[[None, None], [0.25, 0.25, 0.25], [0.3, 0.3], [0.3, 0.25, 0.25]],
        stackwise_activation=[
            ["relu", "relu"],
            ["hard_swish", "hard_swish", "hard_swish"],
            ["hard_swish", "hard_swish"],
            ["hard_swish", "hard_swish", "hard_swish"],
        ],
        stackwise_padding=[[1, 1], [2, 2, 2], [2, 2], [2, 2, 2]],
        output_num_filters=288,
        depthwise_filters=8,
        depthwise_stride=2,
        depthwise_residual=False,
        last_layer_filter=288,
        squeeze_and_excite=0.5,
        image_shape=IMAGE,
    )
    return hub.ImageClassifier(backbone=backbone, num_classes=UNITS)


@row("keras_hub.mobilenetv5", sums=True)
def mobilenetv5():
    backbone = hub.MobileNetV5Backbone(
        stackwise_block_types=[["er"], ["uir", "uir"]],
        stackwise_num_blocks=[1, 2],
        stackwise_num_filters=[[24], [48, 48]],
        stackwise_strides=[[2], [2, 1]],
        stackwise_act_layers=[["relu"], ["relu", "relu"]],
        stackwise_exp_ratios=[[4.0], [6.0, 6.0]],
        stackwise_se_ratios=[[0.0], [0.0, 0.0]],
        stackwise_dw_kernel_sizes=[[0], [5, 5]],
        stackwise_dw_start_kernel_sizes=[[0], [0, 0]],
        stackwise_dw_end_kernel_sizes=[[0], [0, 0]],
        stackwise_exp_kernel_sizes=[[3], [0, 0]],
        stackwise_pw_kernel_sizes=[[1], [0, 0]],
        stackwise_num_heads=[[0], [0, 0]],
        stackwise_key_dims=[[0], [0, 0]],
        stackwise_value_dims=[[0], [0, 0]],
        stackwise_kv_strides=[[0], [0, 0]],
        stackwise_use_cpe=[[False], [False, False]],
        use_msfa=False,
        image_shape=IMAGE,
    )
    return hub.MobileNetV5ImageClassifier(backbone=backbone, num_classes=UNITS, head_hidden_size=64)


@row("keras_hub.resnet", sums=True)
def resnet():
    return hub.ResNetImageClassifier(backbone=_resnet_backbone(), num_classes=UNITS)


@row("keras_hub.resnet_any_size", shape=IMAGE, sums=True)
def resnet_any_size():
    return hub.ResNetImageClassifier(backbone=_resnet_backbone((None, None, 3)), num_classes=UNITS)


@row("keras_hub.resnet_backbone_in_sequential", sums=True)
def resnet_backbone_in_sequential():
    head = [layers.GlobalAveragePooling2D(), layers.Dense(UNITS, activation="softmax")]
    return keras.Sequential([keras.Input(IMAGE), _resnet_backbone(), *head])


@row(
    "keras_hub.resnet_with_preprocessor",
    pixels=(0, 255),
    sums=True,
    predicted=lambda model, images: np.asarray(model.preprocessor(images)),
)
def resnet_with_preprocessor():
    converter = ResNetImageConverter(image_size=IMAGE[:2], scale=1 / 255)
    preprocessor = hub.ResNetImageClassifierPreprocessor(image_converter=converter)
    return hub.ResNetImageClassifier(backbone=_resnet_backbone(), num_classes=UNITS, preprocessor=preprocessor)


@row("keras_hub.resnetv2_softmax_maxpool", sums=True)
def resnetv2_softmax_maxpool():
    backbone = _resnet_backbone(pre=True)
    return hub.ResNetImageClassifier(backbone=backbone, num_classes=UNITS, pooling="max", activation="softmax")


@row("keras_hub.retinanet", kind="detector")
def retinanet():
    encoder = hub.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64, 64, 64],
        stackwise_num_blocks=[1, 1, 1, 1],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
        image_shape=IMAGE,
    )
    backbone = hub.RetinaNetBackbone(image_encoder=encoder, min_level=3, max_level=5, use_p5=False, image_shape=IMAGE)
    return hub.RetinaNetObjectDetector(backbone=backbone, num_classes=4, bounding_box_format="yxyx")


@row("keras_hub.sam", kind="detector")
def sam():
    encoder = hub.ViTDetBackbone(
        hidden_size=16,
        num_layers=2,
        intermediate_dim=32,
        num_heads=2,
        global_attention_layer_indices=[1],
        patch_size=16,
        num_output_channels=8,
        window_size=2,
        image_shape=(128, 128, 3),
    )
    prompts = SAMPromptEncoder(
        hidden_size=8, image_embedding_size=(8, 8), input_image_size=(128, 128), mask_in_channels=16
    )
    decoder = SAMMaskDecoder(
        num_layers=2,
        hidden_size=8,
        intermediate_dim=32,
        num_heads=2,
        embedding_dim=8,
        num_multimask_outputs=3,
        iou_head_depth=3,
        iou_head_hidden_dim=8,
    )
    backbone = hub.SAMBackbone(image_encoder=encoder, prompt_encoder=prompts, mask_decoder=decoder)
    return hub.SAMImageSegmenter(backbone=backbone)


@row("keras_hub.segformer", kind="dense output")
def segformer():
    backbone = hub.SegFormerBackbone(image_encoder=_mit_backbone(), projection_filters=32)
    return hub.SegFormerImageSegmenter(backbone=backbone, num_classes=4)


def _vgg(**options):
    backbone = hub.VGGBackbone([2, 2, 2], [16, 32, 64], image_shape=IMAGE)
    return hub.VGGImageClassifier(backbone=backbone, num_classes=UNITS, pooling_hidden_dim=64, **options)


@row("keras_hub.vgg", sums=True)
def vgg():
    return _vgg(activation="softmax")


@row("keras_hub.vgg_flatten", sums=True)
def vgg_flatten():
    return _vgg(pooling="flatten", activation="softmax")


@row("keras_hub.vitdet", sums=True)
def vitdet():
    backbone = hub.ViTDetBackbone(
        hidden_size=32,
        num_layers=2,
        intermediate_dim=64,
        num_heads=4,
        global_attention_layer_indices=[1],
        image_shape=IMAGE,
        patch_size=8,
        num_output_channels=16,
        window_size=4,
    )
    x = layers.GlobalAveragePooling2D()(backbone.output)
    return keras.Model(backbone.input, layers.Dense(UNITS)(x))


@row("keras_hub.xception", sums=True)
def xception():
    backbone = hub.XceptionBackbone(
        stackwise_conv_filters=[[32, 64], [64, 128], [128, 256]],
        stackwise_pooling=[True, True, False],
        image_shape=IMAGE,
    )
    return hub.XceptionImageClassifier(backbone=backbone, num_classes=UNITS)
