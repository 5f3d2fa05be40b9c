"""Corpora of any named arrays: the package's own format, `features:PATH`.

corpus.json                     arrays with shapes and meanings, classes, splits, provenance
SPLIT-00000.tfrecord            some videos: their ids, labels and arrays
SPLIT-00000.tfrecord.manifest.json   how many, of which schema, with which SHA-256
SPLIT-00000.tfrecord.members.npz     who is in it: ids, labels and lengths, without features
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "FeaturesReader": ".reader",
        "Header": ".header",
        "read_header": ".header",
        "write_corpus": ".writer",
    },
)
