"""Media files: their tracks, sound and frames, decoded by FFmpeg's libraries; networks that hear.

It is an extra, `pip install 'kavc[media]'`. What decodes loads neither TensorFlow nor Keras; the
front ends and networks (`LogMel`, `VGGish`, `YAMNet`, `Musicnn`) do.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "At": ".moments",
        "AudioTrack": ".tracks",
        "Crop": ".sizes",
        "Decoders": ".decoders",
        "Done": ".decoders",
        "Exactly": ".sizes",
        "Failed": ".decoders",
        "FrameStream": ".frames",
        "Frames": ".frames",
        "KeyFrames": ".key_frames",
        "Listener": ".listening",
        "LogMel": ".front_ends",
        "Media": ".tracks",
        "MelSettings": ".front_ends",
        "MusicMel": ".networks.musicnn",
        "Musicnn": ".networks.musicnn",
        "OtherTrack": ".tracks",
        "Part": ".decoders",
        "Rate": ".moments",
        "Sound": ".sound",
        "SoundEvent": ".listening",
        "SoundStream": ".sound",
        "Uniform": ".moments",
        "VGGish": ".networks.vggish",
        "VideoTrack": ".tracks",
        "YAMNet": ".networks.yamnet",
        "probe": ".tracks",
        "read_frames": ".frames",
        "read_key_frames": ".key_frames",
        "read_sound": ".sound",
    },
)
