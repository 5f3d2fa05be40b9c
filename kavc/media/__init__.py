"""Media files: their tracks, sound and frames, decoded by FFmpeg's libraries; networks that hear.

It is an extra, `pip install 'kavc[media]'`. What decodes loads neither TensorFlow nor Keras; the
front ends and networks (`LogMel`, `VGGish`, `YAMNet`, `Musicnn`, `ResNet`, ...) do. Recipes of
features, which have the same names, are in `kavc.media.extractors`.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "At": ".moments",
        "AudioTrack": ".tracks",
        "Bursts": ".moments",
        "Crop": ".sizes",
        "Decoders": ".decoders",
        "Done": ".decoders",
        "Exactly": ".sizes",
        "Extractor": ".extractors.base",
        "Failed": ".decoders",
        "FrameStream": ".frames",
        "Frames": ".frames",
        "I3D": ".networks.i3d",
        "Key": ".moments",
        "KeyFrames": ".key_frames",
        "Listener": ".listening",
        "LogMel": ".front_ends",
        "Media": ".tracks",
        "MelSettings": ".front_ends",
        "MusicMel": ".networks.musicnn",
        "Musicnn": ".networks.musicnn",
        "OtherTrack": ".tracks",
        "Part": ".decoders",
        "R2Plus1D": ".networks.r2plus1d",
        "Rate": ".moments",
        "Recipe": ".extractors.base",
        "ResNet": ".networks.resnet",
        "Sound": ".sound",
        "SoundEvent": ".listening",
        "SoundStream": ".sound",
        "Uniform": ".moments",
        "VGG19": ".networks.vgg19",
        "VGGish": ".networks.vggish",
        "VideoTrack": ".tracks",
        "YAMNet": ".networks.yamnet",
        "extractors": ".extractors",
        "networks": ".networks",
        "probe": ".tracks",
        "read_frames": ".frames",
        "read_key_frames": ".key_frames",
        "read_sound": ".sound",
        "recipe_of": ".extractors.registry",
    },
)
