"""A page in a browser: drop a clip, and see what served models say of it.

    options    what can be set
    offers     what a server has that can be asked about a clip, and what is missing for the rest
    questions  the asking itself, on threads
    answers    what is shown: spans of time, ranked items, a score; knows no browser
    uploads    files that came from a browser: named, bounded, private, deleted
    guard      which requests are let in
    listening  YAMNet in a process of its own
    parts      elements that the page is made of
    page       the page
    launch     the server of the page

What draws is NiceGUI, which the extra `app` brings. This process has no TensorFlow: models are
asked over gRPC, files are decoded in processes of their own.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AppOptions": ".options",
        "start": ".launch",
    },
)
