import io

import h5py
import numpy as np
import pytest

from kavc.inputs.hdf5 import check_weights

VALUES = np.ones((4, 3), "f4")


def file(change=lambda file: None, **options):
    """Returns a file of weights, in memory, after a change."""
    stream = io.BytesIO()
    with h5py.File(stream, "w", **options) as made:
        made["layer/vars/0"] = VALUES
        made["layer/vars/1"] = np.int64(7)
        made["layer/vars"].attrs["name"] = "layer"
        change(made)
    return stream


def test_weights_pass():
    check_weights(file())
    check_weights(file(lambda made: made.create_dataset("nothing", data=np.zeros((0, 3)))))
    check_weights(file(lambda made: made.create_dataset("opaque", data=np.zeros(3, "V2"))))


def external(made):
    made.create_dataset("x", (4,), "f4", external="/etc/passwd")


def virtual(made):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    made.create_virtual_dataset("x", layout)


def packed(made):
    made.create_dataset("x", data=np.zeros(2**20, "f4"), chunks=(2**10,), compression="gzip")


def groups(made):
    for _ in range(60):
        made = made.create_group("g")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda made: made.create_dataset("x", (2**48,), "f4", chunks=(1024,)), "/x claims 1,125,"),
        (
            lambda made: made.create_dataset("x", (2**38,), "f4"),
            "/x claims 1,099,511,627,776 bytes",
        ),
        (packed, "/x claims 4,194,304 bytes and has"),
        (lambda made: made.update(x=h5py.SoftLink("/layer")), "/: 'x' leads elsewhere"),
        (lambda made: made.update(x=h5py.SoftLink("/x")), "/: 'x' leads elsewhere"),
        (lambda made: made.update(x=h5py.ExternalLink("/etc/passwd", "/")), "'x' leads elsewhere"),
        (lambda made: made["layer"].update(x=made["layer"]), "there is a second way to it"),
        (lambda made: made.update(x=made["layer/vars/0"]), "there is a second way to it"),
        (external, "/x lies in other files"),
        (virtual, "/x lies in other files"),
        (lambda made: made.update(x="text"), "/x holds object; numbers are expected"),
        (lambda made: made.update(x=np.zeros(2, "O").astype("S3")), None),
        (lambda made: made.update(x=h5py.Empty("f4")), "numbers are expected"),
        (groups, "nested too deeply"),
    ],
)
def test_what_claims_more_or_leads_elsewhere(change, words):
    stream = file(change)
    if words is None:
        check_weights(stream)
        return
    with pytest.raises(ValueError, match=words) as error:
        check_weights(stream)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"weights", "no HDF5 file"),
        (bytes(512) + file().getvalue(), "no HDF5 file"),
        (file().getvalue()[:8], "truncated|unable"),
        (file().getvalue()[:300], "truncated|unable"),
    ],
)
def test_what_is_no_hdf5(content, words):
    with pytest.raises(ValueError, match=f"(?i){words}"):
        check_weights(io.BytesIO(content))


def test_data_that_lie_over_each_other(monkeypatch):
    """Each has what it claims; together they have more than the file."""
    monkeypatch.setattr("kavc.inputs.hdf5._claim", lambda item, packed: 10**6)
    with pytest.raises(ValueError, match="it claims 2,000,000 bytes of weights and has"):
        check_weights(file())


def test_what_others_published_may_be_compressed():
    """Then it may claim so many bytes, and not more."""
    zeros = np.zeros(10**6, "f4")

    def packed():
        return file(lambda made: made.create_dataset("x", data=zeros, compression="gzip"))

    with pytest.raises(ValueError, match="/x claims 4,000,000 bytes and has"):
        check_weights(packed())
    check_weights(packed(), unpacked=5 * 10**6)
    with pytest.raises(ValueError, match="bytes of weights and may have 3,000,000"):
        check_weights(packed(), unpacked=3 * 10**6)
