"""LLP (Look, Listen and Parse) as it was published: `llp:PATH`.

AVVP_train.csv AVVP_val_pd.csv AVVP_test_pd.csv   videos and their weak labels; the splits
AVVP_eval_audio.csv AVVP_eval_visual.csv          what is heard and seen when, but for training
vggish/ID.npy res152/ID.npy r2plus1d_18/ID.npy    features; also in feats/, or in data/feats/

The tables lie in the folder or in its data/, as in the repository of the data set's authors.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CLASSES": ".classes",
        "LlpReader": ".reader",
        "convert": ".packing",
        "dense_masks": ".truth",
        "missing_features": ".folder",
    },
)
