"""Whose an output folder is."""

from __future__ import annotations

import json

import pytest

from kavc.errors import ConfigError
from kavc.folders import KINDS, MARK, check_new, check_own, claim, kind_of

EARLIER = {
    "run": {"config.json": {"system": "", "preset": "", "overrides": {}, "seed": 0, "options": {}}},
    "sweep": {"sweep.json": {"settings": {}, "space": []}},
    "report": {"report.json": {"format": 1, "headline": {}}},
}


def fill(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_folder_becomes_ours_and_takes_its_kind_again(tmp_path, kind):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "new", tmp_path / "empty"):
        claim(folder, kind)
        assert kind_of(folder) == kind
        (folder / "report.md").write_text("ours")
        claim(folder, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    ["data.json", "config.json", "report.md", "report.json", "tables", "splits.json", "thesis.tex"],
)
def test_what_is_the_users_is_refused_whatever_its_name(tmp_path, kind, name):
    folder = tmp_path / "own"
    if name == "tables":
        (folder / name).mkdir(parents=True)
    else:
        fill(folder, {name: {"mine": 1}})
    with pytest.raises(ConfigError, match=f"not empty and no {kind} folder .it holds '{name}'"):
        check_own(folder, kind)
    with pytest.raises(ConfigError):
        claim(folder, kind)
    assert [path.name for path in folder.iterdir()] == [name]


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_of_another_kind_is_refused(tmp_path, kind):
    claim(tmp_path / "ours", kind)
    for other in set(KINDS) - {kind}:
        with pytest.raises(
            ConfigError, match=f"holds {KINDS[kind]}; .* needs? (its|their) own folder"
        ):
            claim(tmp_path / "ours", other)


@pytest.mark.parametrize("kind", EARLIER)
def test_folders_of_earlier_versions_are_known(tmp_path, kind):
    folder = tmp_path / "earlier"
    fill(folder, EARLIER[kind])
    assert kind_of(folder) == kind
    for other in set(EARLIER) - {kind}:
        with pytest.raises(ConfigError, match="needs its own folder"):
            check_own(folder, other)
    claim(folder, kind)
    assert (folder / MARK).is_file()


@pytest.mark.parametrize("report", [{}, EARLIER["report"]])
def test_runs_of_a_reproduction_of_an_earlier_version(tmp_path, report):
    fill(tmp_path / "joint-ti-avc" / "seed-0", EARLIER["run"])
    fill(tmp_path, report)
    check_own(tmp_path, "reproduction", ["ti-avc", "joint-ti-avc"])
    with pytest.raises(ConfigError):
        check_own(tmp_path, "run")
    with pytest.raises(ConfigError):
        check_own(tmp_path, "winner", ["winner", "start"])


@pytest.mark.parametrize("name", ["report.md", "report.json", "thesis.tex", "tables"])
def test_files_of_the_users_beside_runs(tmp_path, name):
    fill(tmp_path / "winner" / "seed-0", EARLIER["run"])
    fill(tmp_path, {name: {"mine": 1}})
    with pytest.raises(ConfigError, match="not empty and no winner folder"):
        check_own(tmp_path, "winner", ["winner", "start"])


def test_what_can_not_be_made(tmp_path):
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for check in (check_new, lambda folder: check_own(folder, "report")):
        with pytest.raises(ConfigError, match=r"file: Not a directory; .* can't be made below it"):
            check(tmp_path / "file" / "below" / "it")
        with pytest.raises(ConfigError, match=r"link: (exists|a file)"):
            check(tmp_path / "link")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("text")
    with pytest.raises(ConfigError, match="file: a file; a run needs a folder"):
        check_own(tmp_path / "file", "run")


@pytest.mark.parametrize("mark", ["", "{", "[]", '{"kind": []}', '{"kind": "other"}'])
def test_a_mark_that_is_none(tmp_path, mark):
    (tmp_path / MARK).write_text(mark)
    assert kind_of(tmp_path) is None
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="not empty"):
        check_own(tmp_path, "run")
