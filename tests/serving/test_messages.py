"""The messages of a client are those that TensorFlow Serving and gRPC publish."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health_pb2

from kavc.serving import messages, protos, wire
from kavc.serving.messages import PACKAGES, Messages

PUBLISHED = descriptor_pool.Default()
OWN = Messages(*PACKAGES)
MESSAGES = [f"{package.name}.{name}" for package in PACKAGES for name in package.messages]
ENUMS = [f"{package.name}.{name}" for package in PACKAGES for name in package.enums]


def fields(descriptor):
    """Name to what decides the bytes of a field, and what its type is called; of maps as well."""
    proto = descriptor_pb2.DescriptorProto()
    descriptor.CopyToProto(proto)
    inner = {f"{each.name}.{field.name}": field for each in proto.nested_type
             if each.options.map_entry for field in each.field}  # fmt: skip
    return {
        name: (field.number, field.type, field.label, field.type_name)
        for name, field in ({field.name: field for field in proto.field} | inner).items()
    }


@pytest.mark.parametrize("name", MESSAGES)
def test_fields_are_the_published_ones(name):
    published, own = fields(PUBLISHED.FindMessageTypeByName(name)), fields(OWN[name].DESCRIPTOR)
    assert own and own == {name: published.get(name) for name in own}


@pytest.mark.parametrize("name", ENUMS)
def test_enums_are_the_published_ones(name):
    outer, _, own = name.rpartition(".")
    try:
        enum = OWN[outer].DESCRIPTOR.enum_types_by_name[own]
    except KeyError:  # of a package, not of a message
        enum = OWN._pool.FindEnumTypeByName(name)
    published = {v.name: v.number for v in PUBLISHED.FindEnumTypeByName(name).values}
    assert published | {v.name: v.number for v in enum.values} == published


def request(kind):
    """A request, made of one kind of messages."""
    made = kind.PredictRequest(
        model_spec=kind.ModelSpec(name="a", signature_name="b"), output_filter=["x", "y"]
    )
    made.model_spec.version.value = 0
    wire.fill(made.inputs["n"], np.arange(6, dtype="float32").reshape(2, 3))
    wire.fill(made.inputs["s"], np.array([["\u00e4"]]))
    return made


def metadata(kind):
    """An answer to a question for metadata."""
    signatures = kind.SignatureDefMap()
    for name in ("one", "two"):
        signature = signatures.signature_def[name]
        signature.method_name = "tensorflow/serving/predict"
        signature.inputs["x"].dtype = 14
        signature.inputs["x"].tensor_shape.dim.add(size=-1)
        signature.outputs["y"].tensor_shape.unknown_rank = True
    made = kind.GetModelMetadataResponse(model_spec={"name": "a"})
    made.metadata["signature_def"].Pack(signatures, deterministic=True)
    return made


def status(kind):
    """An answer to a question for states."""
    made = kind.GetModelStatusResponse()
    made.model_version_status.add(version=3, state=30, status={"error_code": 8})
    made.model_version_status.add(version=9, state=99, status={"error_message": "no"})
    return made


@pytest.mark.parametrize("make", [request, metadata, status])
@pytest.mark.parametrize(("of", "to"), [(messages, protos), (protos, messages)])
def test_bytes_of_one_are_read_as_the_other(make, of, to):
    sent, expected = make(of), make(to)
    assert type(expected).FromString(sent.SerializeToString()) == expected


def test_health_checks_are_grpcs():
    asked = messages.HealthCheckRequest(service="a").SerializeToString()
    assert health_pb2.HealthCheckRequest.FromString(asked).service == "a"
    told = health_pb2.HealthCheckResponse(status="SERVING").SerializeToString()
    assert messages.HealthCheckResponse.FromString(told).status == 1


def test_what_a_client_leaves_out_is_skipped():
    """A server's SignatureDef says more of its tensors, as which node gives them."""
    from kavc.serving.signature import read_signature

    signature = protos.SignatureDef(method_name="m")
    for side in (signature.inputs, signature.outputs):
        side["x"].name, side["x"].dtype = "x:0", 1
        side["x"].tensor_shape.dim.add(size=-1, name="rows")
    own = messages.SignatureDef.FromString(signature.SerializeToString())
    assert read_signature(own) == read_signature(signature)
