"""I3D of Kinetics: 1,024 numbers for some frames, or for their optical flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kavc.media.extractors.base import Extractor, Weights
from kavc.media.extractors.clips import HOP, WINDOW, Clips
from kavc.media.flow import METHODS, check_method
from kavc.media.sizes import Crop, Size
from kavc.options import option

if TYPE_CHECKING:
    import tensorflow as tf

PAGE = "google-deepmind/kinetics-i3d"
SEEN = "never seen with its real weights; random ones went through its formats"
SIDE, LEAST = 224, 9
LARGEST = 20.0  # pixels to which motion is truncated
METHOD = "how flow is found; the network was trained on tvl1, and others do worse"


@dataclass(frozen=True)
class _I3D(Clips):
    resize: int = option(256, "pixels to which the shorter side is scaled", low=SIDE, high=4096)
    output: str = option("embedding", "what is taken", choices=("embedding", "logits"))

    def size(self) -> Size:
        return Crop(self.resize, SIDE)


@dataclass(frozen=True)
class I3DRGB(_I3D):
    """I3D on frames.

    Reference:
        Carreira and Zisserman, 2017.

    Example:
        extractor = I3DRGB().load({"i3d-rgb": "rgb_imagenet/model.ckpt"})
        times, rows = extractor.extract("clip.mp4")  # (3, 1024)
    """

    NAME: ClassVar[str] = "i3d-rgb"
    SUMMARY: ClassVar[str] = "I3D: 1,024 numbers, or 400 logits of Kinetics, for 64 frames"
    SEEN: ClassVar[str] = SEEN
    LEAST: ClassVar[int] = LEAST

    def needs(self) -> Sequence[Weights]:
        return (Weights(self.NAME, ("rgb_imagenet/model.ckpt", "i3d_rgb.npz"), PAGE),)

    def load(self, files: Mapping[str, Path]) -> Extractor:
        from kavc.media.networks.i3d import load

        network = load(files[self.NAME], kind="rgb")
        return Extractor(self, self.inputs, network, output=self.output, files=files)

    def inputs(self, values: tf.Tensor) -> dict[str, Any]:
        """Returns what the network takes of windows of frames, in graph.

        >>> import numpy as np
        >>> I3DRGB().inputs(np.array([0, 255], np.uint8))["frames"].numpy().tolist()
        [-1.0, 1.0]
        """
        import tensorflow as tf

        return {"frames": tf.cast(values, tf.float32) / 127.5 - 1}


@dataclass(frozen=True)
class I3DFlow(_I3D):
    """I3D on optical flow, of images that are scaled and cut already.

    Reference:
        Carreira and Zisserman, 2017; the flow model of Langlois, 2019, section 3.

    Example:
        extractor = I3DFlow(method="dis").load({"i3d-flow": "flow_imagenet/model.ckpt"})
        times, rows = extractor.extract("clip.mp4")  # (3, 1024)
    """

    NAME: ClassVar[str] = "i3d-flow"
    SUMMARY: ClassVar[str] = "I3D: 1,024 numbers, or 400 logits, for the flow between 65 frames"
    SEEN: ClassVar[str] = SEEN
    LEAST: ClassVar[int] = LEAST + 1

    window: int = option(65, f"{WINDOW}; one more than there are fields", low=1, high=4096)
    hop: int = option(64, HOP, low=1, high=4096)
    method: str = option("farneback", METHOD, choices=METHODS)
    quantised: bool = option(
        False, "whether motion goes through 256 steps, of which none is 0, as in many copies"
    )

    def needs(self) -> Sequence[Weights]:
        return (Weights(self.NAME, ("flow_imagenet/model.ckpt", "i3d_flow.npz"), PAGE),)

    def check(self) -> None:
        check_method(self.method)

    def of_flow(self) -> dict[str, Any]:
        return {"flow": self.method}

    def load(self, files: Mapping[str, Path]) -> Extractor:
        from kavc.media.networks.i3d import load

        network = load(files[self.NAME], kind="flow")
        return Extractor(self, self.inputs, network, output=self.output, files=files)

    def inputs(self, values: tf.Tensor) -> dict[str, Any]:
        """Returns what the network takes of windows of motion, in graph.

        >>> fields = [-30.0, 0.0, 10.0]  # pixels
        >>> I3DFlow().inputs(fields)["frames"].numpy().tolist()
        [-1.0, 0.0, 0.5]
        >>> I3DFlow(quantised=True).inputs(fields)["frames"].numpy().round(4).astype(str).tolist()
        ['-1.0', '0.0039', '0.5059']
        """
        import tensorflow as tf

        fields = tf.clip_by_value(values, -LARGEST, LARGEST)
        if not self.quantised:
            return {"frames": fields / LARGEST}
        # 20 pixels would be step 256, and a byte ends at 255.
        steps = tf.clip_by_value(tf.round(128 + 255 / (2 * LARGEST) * fields), 0, 255)
        return {"frames": steps * 2 / 255 - 1}
