"""Published networks that hear and see, each beside the loaders of its published formats."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ForeignModel": ".saved_model",
        "I3D": ".i3d",
        "Musicnn": ".musicnn",
        "R2Plus1D": ".r2plus1d",
        "ResNet": ".resnet",
        "TinyImages": ".tiny",
        "TinySounds": ".tiny",
        "VGG19": ".vgg19",
        "VGGish": ".vggish",
        "YAMNet": ".yamnet",
        "YouTube8MPCA": ".youtube8m_pca",
        "backbone": ".backbones",
        "load_backbone_weights": ".backbones",
        "resnet_50_flow": ".flow_stack",
        "train_from": ".backbones",
    },
)
