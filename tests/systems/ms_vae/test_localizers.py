"""Supervised localisation against arrays of the published modules."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.systems.ms_vae.localizers import AVFB, AVSDN, DMRN, AVAttention
from kavc.systems.ms_vae.trainees import Localizing

STORED = 1e-7  # the arrays are float32, of probabilities
PARAMETERS = {AVAttention: 1_333_198, DMRN: 1_569_102, AVSDN: 1_513_885, AVFB: 1_453_598}
NETWORKS = {"att": AVAttention, "dmrn": DMRN}


def shape_of(text):
    return tuple(int(n) for n in text.strip("(),").split(","))


def recipe(arrays, kind):
    """Weights by PyTorch's name, as `golden/ave_cml.md` draws them."""
    found, fan_in = {}, 1
    names = zip(arrays[f"{kind}_param_names"], arrays[f"{kind}_param_shapes"], strict=True)
    for at, (name, text) in enumerate(names):
        shape = shape_of(text)
        fan_in = shape[1] if len(shape) == 2 else fan_in
        bound = (1.5 if len(shape) == 2 else 1.0) / fan_in**0.5
        rng = np.random.RandomState(int(arrays[f"{kind}_weight_seed"]) + at)
        found[str(name)] = np.float64(np.float32(rng.uniform(-bound, bound, shape)))
    return found


def variables(network, weights):
    """Each variable of a network, with what it is in PyTorch: a function of the weights' values."""
    found = []

    def add(variable, *names):
        found.append((variable, names))

    for kind, torch in (("audio", "audio"), ("visual", "video")):
        lstm = network.get_layer(f"{kind}_lstm")
        for layer, end in ((lstm.forward_layer, ""), (lstm.backward_layer, "_reverse")):
            add(layer.cell.kernel, f"lstm_{torch}.weight_ih_l0{end}")
            add(layer.cell.recurrent_kernel, f"lstm_{torch}.weight_hh_l0{end}")
            biases = (f"lstm_{torch}.bias_{of}_l0{end}" for of in ("ih", "hh"))
            add(layer.cell.bias, *biases)
    attention = network.get_layer("attention")
    for kind, torch, score in (("audio", "audio", "g"), ("visual", "video", "v")):
        kernel, bias, scores = getattr(attention, kind)
        add(kernel, f"affine_{torch}.weight")
        add(bias, f"affine_{torch}.bias")
        add(scores, f"affine_{score}.weight")
    add(attention.head, "affine_h.weight")
    dense = {"classes": "L2"}
    if "L1.weight" in weights:
        dense["joined"] = "L1"
    else:
        for kind, letter in (("visual", "v"), ("audio", "a")):
            dense |= {f"{kind}_residual_{at}": f"U_{letter}.{2 * at}" for at in (0, 1)}
    for ours, theirs in dense.items():
        add(network.get_layer(ours).kernel, f"{theirs}.weight")
        add(network.get_layer(ours).bias, f"{theirs}.bias")
    return found


@pytest.fixture(scope="module", params=NETWORKS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def network(kind, golden_ave):
    made = NETWORKS[kind](dtype="float64")
    weights = recipe(golden_ave, kind)
    for variable, names in variables(made, weights):
        value = sum(weights[name] for name in names)
        variable.assign(value.T if value.ndim == 2 else value)
    return made


@pytest.fixture(scope="module")
def inputs(golden_ave):
    return {
        "audio": np.float64(golden_ave["att_audio"]),
        "visual": np.float64(golden_ave["att_visual"]),
    }


def test_the_recipe_draws_what_it_drew(kind, golden_ave):
    sums = [np.abs(weight).sum() for weight in recipe(golden_ave, kind).values()]
    np.testing.assert_allclose(sums, golden_ave[f"{kind}_param_abs_sums"])


def test_probabilities_and_what_is_attended_to(kind, network, inputs, golden_ave):
    outputs = {**network.output, "weights": network.weights_of_places}
    found = keras.Model(network.input, outputs)(inputs)
    found = {name: ops.convert_to_numpy(x) for name, x in found.items()}
    np.testing.assert_allclose(found["probability"], golden_ave[f"{kind}_prob"], 0, STORED)
    np.testing.assert_allclose(found["weights"], golden_ave[f"{kind}_attention"], 0, STORED)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="gradients are taken with tf.GradientTape"
)
def test_loss_and_gradients(kind, network, inputs, golden_ave):
    import tensorflow as tf

    trainee = Localizing(network)
    targets = {"class": golden_ave["att_labels"].astype("int32")}
    batch = {name: tf.constant(x) for name, x in inputs.items()}
    with tf.GradientTape() as tape:
        loss = trainee.compute_loss(batch, targets, trainee(batch, training=True))
    assert abs(float(loss) - golden_ave[f"{kind}_loss"]) < 1e-9
    pairs = variables(network, recipe(golden_ave, kind))
    gradients = tape.gradient(loss, [variable.value for variable, _ in pairs])
    norms = dict(
        zip(map(str, golden_ave[f"{kind}_param_names"]), golden_ave[f"{kind}_gradnorms"],
            strict=True)
    )  # fmt: skip
    for gradient, (_, names) in zip(gradients, pairs, strict=True):
        for name in names:  # both of PyTorch's biases have the gradient of ours
            assert abs(np.linalg.norm(gradient) - norms[name]) < 1e-6 * norms[name] + 1e-12, name


@pytest.mark.parametrize("network", PARAMETERS)
def test_parameters(network):
    assert network().count_params() == PARAMETERS[network]


@pytest.mark.parametrize("network", [AVSDN, AVFB])
def test_a_branch_reads_one_modality_alone(network):
    made = network(3, 4, 5, units=2)
    for kind, width in (("audio", 4), ("visual", 5)):
        branch = keras.Model(made.input[kind], made.branches[kind])
        assert branch(np.ones((2, 1, width))).shape == (2, 1, 4)
