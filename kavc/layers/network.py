"""The base of the package's models: functional graphs with named inputs."""

from __future__ import annotations

from collections.abc import Mapping

import keras
from keras import ops

from kavc import keras_settings

LENGTH = "_length"


class Network(keras.Model):
    """A functional model that picks its inputs by name and is made again from its arguments.

    Keras pairs a dict's entries with the inputs by sorted position, so one foreign key would feed
    features to the wrong input in silence; here foreign keys are ignored. A missing
    `<name>_length` means that every step of `<name>` is valid.

    A subclass builds its graph, hands `config`, its constructor's arguments, to this constructor
    and registers itself for serialisation.

    Args:
        inputs: dict of `keras.KerasTensor`, by name.
        outputs: `keras.KerasTensor` or dict of them.
        config: dict of the subclass's constructor arguments, JSON-serialisable.
        dtype: `keras.DTypePolicy` or its name: what the graph was built with.
        name: str.

    Raises:
        ConfigError: Keras runs on another backend than TensorFlow or JAX.

    Example:
        >>> sequence = sequence_input(4, name="audio", dtype="float32")
        >>> mean = ops.mean(sequence["audio"], axis=1)
        >>> network = Network(sequence, {"mean": mean}, config={})
        >>> found = network({"audio": ops.ones((2, 3, 4)), "title": ops.zeros(2)})
        >>> tuple(found["mean"].shape)
        (2, 4)
    """

    def __init__(self, inputs, outputs, *, config, dtype=None, name=None):
        keras_settings.check(keras_settings.OF_NETWORKS)
        super().__init__(inputs=inputs, outputs=outputs, name=name)
        self.config = config
        # Without this line a reloaded mixed-precision model computes in float32.
        self.dtype_policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())

    def __call__(self, inputs, *args, **kwargs):
        return super().__call__(_chosen(inputs, self.input), *args, **kwargs)

    def call(self, inputs, training=None, mask=None, **kwargs):
        # The JAX backend's `fit` and `predict` come here without `__call__`.
        return super().call(_chosen(inputs, self.input), training=training, mask=mask, **kwargs)

    def get_config(self):
        policy = keras.dtype_policies.serialize(self.dtype_policy)
        return {**self.config, "dtype": policy, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def _chosen(inputs, expected):
    if not isinstance(inputs, Mapping):
        names = ", ".join(map(repr, sorted(expected)))
        raise ValueError(f"inputs must be a dict with {names}; received: {type(inputs).__name__}")
    return {name: _get(inputs, name, like) for name, like in expected.items()}


def _get(inputs, name, like):
    sequence = name.removesuffix(LENGTH)
    if name not in inputs and sequence != name and sequence in inputs:
        steps = inputs[sequence]
        while len(steps.shape) > 2:  # a step may be a vector or an image
            steps = steps[..., 0]
        return ops.sum(ops.ones_like(steps, dtype="int32"), axis=1)
    if name not in inputs:
        raise ValueError(
            f"input {name!r} is missing; received: {', '.join(sorted(inputs)) or 'nothing'}"
        )
    x = inputs[name]
    if isinstance(x, keras.KerasTensor):
        return x
    return ops.convert_to_tensor(x, dtype=like.dtype)


def with_outputs(network, more):
    """Returns a network that also answers with what lies on its way; it shares all layers.

    Args:
        network: `Network`, whose outputs are named.
        more: dict of its symbolic tensors, by name; where there are none, the network is returned.

    Example:
        >>> x = keras.Input((4,), name="x")
        >>> hidden = keras.layers.Dense(3)(x)
        >>> network = Network({"x": x}, {"y": keras.layers.Dense(1)(hidden)}, config={})
        >>> sorted(with_outputs(network, {"hidden": hidden})({"x": ops.ones((2, 4))}))
        ['hidden', 'y']
    """
    if not more:
        return network
    outputs = network.output | more
    return Network(network.input, outputs, config={}, dtype=network.dtype_policy)


def sequence_input(row, *, name, dtype):
    """Returns the inputs `<name>`, `(batch, time, *row)`, and `<name>_length`, `(batch,)` int32.

    Args:
        row: int, the width of a step, or its shape.
        name: str.
        dtype: of the sequence.

    Example:
        >>> found = sequence_input(128, name="audio", dtype="float32")
        >>> {name: tensor.shape for name, tensor in found.items()}
        {'audio': (None, None, 128), 'audio_length': (None,)}
    """
    shape = (row,) if isinstance(row, int) else tuple(row)
    sequence = keras.Input((None, *shape), dtype=dtype, name=name)
    length = keras.Input((), dtype="int32", name=name + LENGTH)
    return {name: sequence, name + LENGTH: length}
