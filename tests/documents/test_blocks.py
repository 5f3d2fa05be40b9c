"""What counts as something that a reader types."""

from __future__ import annotations

from . import pages
from .pages import blocks, steps

PAGE = """\
Some text.

    kavc train ti-avc \\
        --out runs/a        # a comment
    pip install this

- a list
  that goes on

<!-- not typed: it takes a day -->

    kavc reproduce ti-avc

```python
print("x")
    indented = 1
```

```json
{"train": []}
```

```text
    kavc no command
```

```sh
kavc data describe features:x
rm something
```
"""


def test_blocks_in_order():
    found = [(block.kind, block.why) for block in blocks(PAGE)]
    assert found == [
        ("sh", ""),
        ("sh", "it takes a day"),
        ("python", ""),
        ("json", ""),
        ("text", ""),
        ("sh", ""),
    ]


def test_a_line_goes_on_after_a_backslash_and_loses_its_comment():
    first = next(blocks(PAGE))
    assert [line.split() for line in first.lines] == [
        ["kavc", "train", "ti-avc", "--out", "runs/a"],
        ["pip", "install", "this"],
    ]


def test_steps_leave_out_what_is_not_typed_and_name_what_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    found = steps(page)
    assert [kind for kind, _ in found] == ["kavc", "python", "json", "kavc", "other"]
    assert found[-1] == ("other", "rm something")


def test_results_are_not_typed():
    assert not any(steps(page) for page in pages.RESULTS.glob("*.md"))
