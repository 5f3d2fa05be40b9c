"""Extractors: from media files to the features of published networks.

The recipes, by the names of their networks; those of `kavc.media.networks` are the networks alone.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ColourGrid": ".plain",
        "Extractor": ".base",
        "FlowFields": ".raw",
        "I3DFlow": ".i3d",
        "I3DRGB": ".i3d",
        "InceptionV3": ".inception_v3",
        "LogMelPatches": ".raw",
        "MelStatistics": ".plain",
        "MobileNetV2": ".mobilenet_v2",
        "Musicnn": ".musicnn",
        "Pixels": ".raw",
        "R2Plus1D": ".r2plus1d",
        "Recipe": ".base",
        "ResNet101": ".resnet",
        "ResNet152": ".resnet",
        "ResNet50": ".resnet",
        "ResNet50Flow": ".resnet_50_flow",
        "SavedModelAudio": ".saved_model",
        "SavedModelVisual": ".saved_model",
        "VGG19": ".vgg19",
        "VGGish": ".vggish",
        "Weights": ".base",
        "YAMNet": ".yamnet",
        "names": ".registry",
        "recipe_of": ".registry",
    },
)
