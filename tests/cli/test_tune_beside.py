"""`kavc tune run --workers`: what is refused. The rest is in tests/tuning and tests/cluster."""

from __future__ import annotations

import pytest


@pytest.fixture
def refuses(refused, tiny_corpus, tmp_path):
    def run(*options, code=2):
        words = "tune", "run", "ti-avc", "--data", f"synthetic:{tiny_corpus}"
        line = refused(*words, "--out", tmp_path / "sweep", *options, code=code)
        assert not (tmp_path / "sweep").exists()
        return line

    return run


@pytest.fixture(autouse=True)
def no_token(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)


def test_places_are_for_workers(refuses):
    assert "--gpus says where --workers are" in refuses("--gpus", "0")
    assert "--cluster says where --workers are" in refuses("--cluster", "head:6379")
    both = refuses("--workers", "2", "--cluster", "head:6379", "--gpus", "0")
    assert "--gpus names this machine's; a cluster deals its own out" in both


def test_gpus_that_are_not_there(refuses):
    assert "GPU '97' isn't there" in refuses("--workers", "2", "--gpus", "97")


def test_no_ray_without_authentication(refuses, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert "RAY_AUTH_MODE is 'disabled'" in refuses("--workers", "2")


def test_a_cluster_that_can_not_be_joined(refuses, monkeypatch):
    there = "--workers", "2", "--cluster"
    assert "expected HOST:PORT" in refuses(*there, "head")
    assert "joined with its token alone" in refuses(*there, "127.0.0.1:1")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "t" * 64)
    assert "no head of Ray answers there" in refuses(*there, "127.0.0.1:1", code=1)
