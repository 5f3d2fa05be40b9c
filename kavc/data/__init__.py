"""Examples: what they hold, where they come from, how they are stored and paired.

A `Source` names a layout and a folder; the layout's reader gives a `tf.data.Dataset` of dicts whose
names, shapes and dtypes `kavc.data.schema` describes.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Field": ".schema",
        "Layout": ".layouts",
        "Reader": ".layouts",
        "Source": ".source",
        "VideoStore": ".store",
        "View": ".layouts",
        "Vocabulary": ".vocabulary",
        "check_records": ".manifest",
        "convert": ".features.convert",
        "data_errors": ".damage",
        "derangement": ".pairing",
        "hash_split": ".membership",
        "features": ".features",
        "judge": ".likeness",
        "measure": ".statistics",
        "pairs": ".pairing",
        "read_records": ".tfrecord",
        "register": ".layouts",
        "splits": ".splits",
        "synthetic": ".synthetic",
        "video_spec": ".schema",
        "vocabulary": ".vocabulary",
        "write_corpus": ".features.writer",
        "write_records": ".tfrecord",
        "youtube8m": ".youtube8m",
    },
)
