"""An index of embeddings: which items of a catalogue lie nearest to a query?

Search is exact by default, in Python and inside a served graph; FAISS is there for catalogues that
are too large for it.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CatalogueSearch": ".served",
        "Hits": ".hits",
        "Index": ".index",
        "exact_search": ".exact",
        "top_k": ".served",
    },
)
