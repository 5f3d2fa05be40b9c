"""AVE (Audio-Visual Event) as it was published: `ave:PATH`.

Annotations.txt                                       videos, their category, their event; one a row
audio_feature.h5 visual_feature_vec.h5 visual_feature.h5     features of each row, second by second
train_order_match.h5 val_order_match.h5 test_order_match.h5  rows of each split, cross-modal task
train_order.h5 val_order.h5 test_order.h5                    the same, supervised localisation
labels.h5 labels_closs.h5 mil_labels.h5               need not be there: what the annotations say

Each lies in the folder or in its data/, as in the repository of the data set's authors.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CLASSES": ".classes",
        "AveReader": ".reader",
        "open_folder": ".folder",
        "read_noisy": ".noisy",
    },
)
