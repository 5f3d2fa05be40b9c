"""The chief, asked in this process: whom it believes, and what becomes of trials."""

from __future__ import annotations

import contextlib
import json
import threading

import pytest

from kavc.errors import ConfigError
from kavc.tuning.attempt import DIED, Limits, Listener
from kavc.tuning.distribute.chief import Chief
from kavc.tuning.distribute.identity import packages
from kavc.tuning.distribute.lead import run_chief
from kavc.tuning.distribute.messages import BROKEN, ENDED, TIME_UP, Refusal, parse
from kavc.tuning.run import open_sweep, run_sweep
from kavc.tuning.settings import SweepSettings
from kavc.tuning.sweep import Sweep

ENDING = {
    "status": "completed",
    "score": 1.0,
    "reason": None,
    "best_epoch": {"only": 1},
    "seconds": {"fit": 0.1, "whole": 0.2},
    "curve": {"only": [{"val_loss": 1.0}]},
}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Asker:
    """A chief as its workers see it; sessions are numbers of processes."""

    def __init__(self, tuner, out, **options):
        self.clock = Clock()
        self.said: list[str] = []
        self.chief = Chief(tuner, Sweep(out), report=self.said.append, clock=self.clock, **options)

    def ask(self, method, **request):
        raw = json.dumps(request).replace("Infinity", "1e999")  # which is JSON
        return self.chief.answer(method, parse(method, raw.encode()))

    def join(self, worker, session="1", trial=None, **changes):
        described = self.ask("describe")
        given = {
            "identity": described["identity"],
            "versions": packages(),
            "fingerprint": described["sweep"]["data"]["fingerprint"],
        }
        self.ask("join", worker=worker, session=session, trial=trial, **(given | changes))

    def propose(self, worker, session="1"):
        return self.ask("propose", worker=worker, session=session)

    def trial(self, worker, session="1"):
        return self.propose(worker, session)["begun"]["id"]

    def beat(self, worker, trial, session="1"):
        return self.ask("beat", worker=worker, session=session, trial=trial)

    def end(self, worker, trial, session="1", **changes):
        ending = ENDING | changes
        return self.ask("end", worker=worker, session=session, trial=trial, ending=ending)["keep"]

    def fail(self, worker, trial, session="1"):
        return self.end(worker, trial, session, status="failed", score=None, reason="no luck")

    def begin_and_end(self, worker, session="1"):
        trial = self.trial(worker, session)
        assert self.end(worker, trial, session)
        return trial

    def begin_and_fail(self, worker, session="1"):
        trial = self.trial(worker, session)
        assert self.fail(worker, trial, session)
        return trial

    def pass_time(self, seconds):
        self.clock.now += seconds
        self.chief.look()


@pytest.fixture
def lead(system, data, tmp_path):
    """Leads a sweep: returns a context that yields an asker. Called again, it goes on."""

    @contextlib.contextmanager
    def open_(trials=3, tuner="random", limits=None, listener=None, close=True, **options):
        settings = SweepSettings("small", data, tuner=tuner, trials=trials)
        out = tmp_path / "sweep"
        opened = open_sweep(settings, out, resume=True, limits=limits, listener=listener)
        with opened as tuner:
            asker = Asker(tuner, out, **options)
            yield asker
            if close:  # else it was killed
                asker.chief.close()

    return open_


def records(tmp_path):
    return Sweep(tmp_path / "sweep").trials


def test_two_workers_share_the_trials(lead, tmp_path):
    ended = []

    class Noted(Listener):
        def on_trial_end(self, trial):
            ended.append(trial.number)

    with lead(listener=Noted()) as chief:
        chief.join("a"), chief.join("b")
        first, second = chief.trial("a"), chief.trial("b")
        assert chief.trial("a") == first != second  # asked again, the answer is the same
        assert chief.end("b", second)
        third = chief.trial("b")
        assert chief.fail("b", third)
        # A's trial may be lost: until it has ended, B waits.
        assert chief.propose("b") == {"status": "idle"}
        assert chief.end("a", first)
        assert chief.propose("a")["over"] == chief.propose("b")["over"] == ENDED
    assert ended == [2, 3, 1]
    found = records(tmp_path)
    assert [(trial.status, trial.score, trial.reason) for trial in found] == [
        ("completed", 1.0, None),
        ("completed", 1.0, None),
        ("failed", None, "no luck"),
    ]
    assert found[0].curve == ENDING["curve"]


def test_a_silent_worker_loses_its_trial_and_two_that_die_fail_it(lead, tmp_path):
    with lead(lost_after=60) as chief:
        chief.join("a"), chief.join("b")
        trial = chief.trial("a")
        chief.pass_time(59)
        chief.beat("a", trial), chief.beat("b", None)
        chief.pass_time(59)
        chief.beat("b", None)
        assert "a" in chief.chief.roster.members
        chief.pass_time(1)
        assert chief.said[-1] == "a gave no sign of life for 60 s: trial 1 is queued again"
        assert chief.trial("b") == trial
        with pytest.raises(Refusal, match="a has not joined"):
            chief.beat("a", trial)
        chief.join("a", trial=trial)  # it was only slow, and hears that it was too slow
        assert not chief.beat("a", trial)["keep"]
        assert not chief.end("a", trial)
        chief.pass_time(60)
        assert set(chief.said[-2:]) == {
            "b gave no sign of life for 60 s: trial 1 has failed",
            "a gave no sign of life for 60 s",
        }
    (record,) = records(tmp_path)
    assert (record.status, record.reason, record.attempts) == ("failed", DIED, 2)


def test_a_worker_that_is_started_again_gets_its_trial_at_once(lead, tmp_path):
    with lead() as chief:
        chief.join("a")
        trial = chief.trial("a")
        chief.join("a", "2")
        assert "a was started again: trial 1 is queued again" in chief.said
        assert chief.trial("a", "2") == trial
        with pytest.raises(Refusal, match="another process has joined as a"):
            chief.end("a", trial, "1")
        assert chief.end("a", trial, "2")
    assert records(tmp_path)[0].attempts == 2


def test_a_chief_that_was_killed_leaves_their_trials_to_its_workers(lead, tmp_path):
    with lead(close=False) as chief:
        chief.join("a"), chief.join("b"), chief.join("c")
        first, second = chief.trial("a"), chief.trial("b")
    with lead() as chief:
        with pytest.raises(Refusal, match="a has not joined"):
            chief.end("a", first)
        chief.join("a", trial=first)
        chief.join("c")
        third = chief.trial("c")
        assert third not in (first, second)  # B's trial waits for B
        assert chief.end("a", first) and chief.end("c", third)
        assert chief.propose("a") == {"status": "idle"}
        chief.pass_time(30)
        chief.beat("a", None), chief.beat("c", None)
        chief.pass_time(30)  # B doesn't come
        assert chief.trial("a") == second
        assert chief.end("a", second)
        assert chief.propose("c")["over"] == ENDED
    assert [trial.attempts for trial in records(tmp_path)] == [1, 2, 1]


def test_what_is_interrupted_has_not_failed(lead, system, data, tmp_path):
    """Neither counts as a death, and a process that is alone can go on."""
    with lead(trials=2) as chief:
        chief.join("a"), chief.join("b")
        trial = chief.trial("a")
        chief.trial("b")
        chief.ask("leave", worker="a", session="1", error=None)
        assert not chief.chief.roster.members.get("a")
        chief.join("c")
        assert chief.trial("c") == trial
    assert [(trial.status, trial.attempts) for trial in records(tmp_path)] == [("running", 0)] * 2
    settings = SweepSettings("small", data, tuner="random", trials=2)
    sweep = run_sweep(settings, tmp_path / "sweep", resume=True)
    assert [trial.status for trial in sweep.trials] == ["completed"] * 2


def test_time_is_up(lead):
    with lead(limits=Limits(minutes=0)) as chief:
        chief.join("a")
        trial = chief.trial("a")
        chief.pass_time(0)
        assert chief.beat("a", trial) == {"keep": True, "over": TIME_UP, "error": None}
        assert chief.end("a", trial)  # it was as good as ready
        assert chief.propose("a")["over"] == TIME_UP


def test_workers_share_a_grid(lead, tmp_path):
    """KerasTuner's own would propose the next combination only when the last one has ended."""
    with lead(tuner="grid", trials=9) as chief:
        workers = "abcd"
        for worker in workers:
            chief.join(worker)
        for trials in range(0, 8, 4):
            begun = [chief.trial(worker) for worker in workers]
            assert begun == [str(number) for number in range(trials, trials + 4)]
            for worker, trial in reversed(list(zip(workers, begun, strict=True))):
                assert chief.end(worker, trial)
    values = [json.dumps(trial.values) for trial in records(tmp_path)]
    assert len(set(values)) == 8


def test_workers_share_the_rounds_of_hyperband(lead, tmp_path):
    with lead(tuner="hyperband", trials=None) as chief:
        chief.join("a"), chief.join("b")
        while chief.propose("a").get("over") is None:
            for worker, begun in [(w, chief.propose(w).get("begun")) for w in "ab"]:
                assert begun is None or chief.end(worker, begun["id"])
        planned = chief.chief.described["planned"]
    assert len(records(tmp_path)) == planned["trials"]
    assert sum(trial.budget for trial in records(tmp_path)) == planned["epochs"]


def test_errors_of_workers_and_of_the_oracle_end_the_sweep(lead):
    with lead() as chief:
        chief.join("a"), chief.join("b")
        trial = chief.trial("a")
        chief.ask("leave", worker="a", session="1", error="no such objective")
        answer = chief.beat("b", trial)
        assert (answer["over"], answer["error"]) == (BROKEN, "no such objective")
        assert isinstance(chief.chief.error, ConfigError)


def test_an_oracle_that_raises_is_not_asked_again(lead, monkeypatch):
    with lead() as chief:
        chief.join("a"), chief.join("b")

        def broken(trial_id):
            raise RuntimeError("no proposal")

        monkeypatch.setattr(chief.chief.tuner.oracle, "populate_space", broken)
        with pytest.raises(RuntimeError, match="no proposal"):
            chief.propose("a")
        answers = []
        other = threading.Thread(target=lambda: answers.append(chief.propose("b")), daemon=True)
        other.start()
        other.join(20)  # KerasTuner's lock is not released; nobody waits for it
        assert answers == [{"status": "over", "over": BROKEN, "error": "no proposal"}]


def test_ten_failures_in_a_row_end_the_sweep(lead):
    with lead(trials=20) as chief:
        chief.join("a")
        for _ in range(9):
            assert chief.fail("a", chief.trial("a"))
        with pytest.raises(ConfigError, match="10 trials in a row failed, the last one: no luck"):
            chief.fail("a", chief.trial("a"))
        assert chief.propose("a")["over"] == BROKEN


def test_a_lost_connection_costs_nothing_if_nobody_took_the_trial(lead, tmp_path):
    with lead() as chief:
        chief.join("a")
        trial = chief.trial("a")
        chief.pass_time(1000)
        assert not chief.chief.roster.members
        chief.join("a", trial=trial)
        assert chief.said[-1] == "a goes on"
        assert chief.beat("a", trial)["keep"]
        chief.join("b")
        assert chief.trial("b") != trial
        assert chief.end("a", trial)
        assert chief.end("a", trial)  # it says so again, as it did not hear the answer
    assert [(t.status, t.attempts) for t in records(tmp_path)] == [("completed", 1), ("running", 0)]


def test_nobody_is_lost_while_a_proposal_is_made(lead, monkeypatch):
    """A Gaussian process takes a while, and signs of life wait as long as the chief is deaf."""
    with lead(lost_after=60) as chief:
        chief.join("a"), chief.join("b")
        oracle = chief.chief.tuner.oracle
        propose = oracle.populate_space

        def slow(trial_id):
            chief.clock.now += 300
            return propose(trial_id)

        monkeypatch.setattr(oracle, "populate_space", slow)
        chief.pass_time(30)
        chief.trial("b")
        chief.pass_time(29)  # before the signs of life that have waited
        assert set(chief.chief.roster.members) == {"a", "b"}
        chief.pass_time(1)
        assert set(chief.chief.roster.members) == {"b"}


def test_a_worker_that_hangs_loses_its_trial_though_it_gives_signs_of_life(lead, tmp_path):
    with lead(limits=Limits(trial_minutes=10), lost_after=1e9) as chief:
        chief.join("a"), chief.join("b")
        trial = chief.trial("a")
        chief.pass_time(20 * 60 + 59)
        assert chief.beat("a", trial)["keep"]
        other = chief.trial("b")
        chief.pass_time(1)
        assert chief.said[-1] == "a hangs: trial 1 has failed"
        chief.join("a", trial=trial)  # its heart beats
        assert not chief.beat("a", trial)["keep"]
        assert chief.beat("b", other)["keep"]
    (record, _) = records(tmp_path)
    assert record.reason == "over time: still runs after 21.0 minutes; 10 are allowed"
    assert record.seconds["whole"] == 21 * 60


def test_a_worker_that_fails_what_another_completes_is_refused(lead, tmp_path):
    with lead(trials=20) as chief:
        chief.join("a"), chief.join("b")
        long = chief.trial("a")
        failed = [chief.begin_and_fail("b") for _ in range(3)]
        assert chief.said[-1] == (
            "b has failed 3 trials in a row: another worker tries trial 4 (no luck)"
        )
        assert chief.propose("b") == {"status": "idle"}
        assert chief.end("a", long)
        assert chief.trial("a") == failed[2]
        assert chief.end("a", failed[2])
        line = "b failed the trials 2, 3, 4, the last of which another worker completed"
        assert chief.said[-1] == f"{line}: it is refused, and the others are queued again"
        with pytest.raises(Refusal, match=f"the chief refuses this worker: {line}") as caught:
            chief.propose("b")
        assert caught.value.code == "FAILED_PRECONDITION"
        assert {chief.begin_and_end("a") for _ in range(2)} == set(failed[:2])
        assert chief.begin_and_end("a") not in failed
        chief.join("b", "2")  # mended, and started again
        assert chief.trial("b", "2") not in failed
    assert {trial.status for trial in records(tmp_path)} == {"completed", "running"}
    assert [trial.attempts for trial in records(tmp_path)] == [1, 2, 2, 2, 1, 0]


def test_trials_that_fail_of_themselves_are_not_blamed_on_a_worker(lead, tmp_path):
    with lead(trials=20) as chief:
        chief.join("a"), chief.join("b")
        failed = [chief.begin_and_fail("b") for _ in range(3)]
        assert chief.begin_and_fail("a") == failed[2]
        assert chief.begin_and_end("b") not in failed
        assert chief.chief.over is None
    assert [trial.status for trial in records(tmp_path)] == ["failed"] * 3 + ["completed"]
    assert [trial.attempts for trial in records(tmp_path)] == [1, 1, 2, 1]


def test_nobody_waits_for_another_worker_that_is_not_there(lead, tmp_path):
    with lead(trials=20) as chief:
        chief.join("a"), chief.join("b")
        failed = [chief.begin_and_fail("b") for _ in range(3)]
        assert chief.propose("b") == {"status": "idle"}
        chief.ask("leave", worker="a", session="1", error=None)
        assert chief.begin_and_end("b") == failed[2]  # this time it succeeds
        assert "b" in chief.chief.roster.members
        chief.begin_and_fail("b")
        chief.join("a")
        chief.begin_and_fail("b"), chief.begin_and_fail("b")
        assert chief.propose("b") == {"status": "idle"}


def test_if_all_workers_fail_the_sweep_ends(lead):
    with lead(trials=30) as chief:
        chief.join("a"), chief.join("b")
        with pytest.raises(ConfigError, match="10 trials in a row failed"):
            for _ in range(12):
                for worker in "ab":
                    if chief.propose(worker)["status"] == "trial":
                        chief.begin_and_fail(worker)
        assert chief.propose("a")["over"] == BROKEN


def test_an_error_after_the_time_is_up_is_kept(lead, monkeypatch):
    """KerasTuner's lock is not released then: nobody may ask the oracle again."""
    with lead(limits=Limits(minutes=0)) as chief:
        chief.join("a"), chief.join("b")
        first, second = chief.trial("a"), chief.trial("b")
        chief.pass_time(0)
        assert chief.chief.over == TIME_UP

        def full():
            raise OSError("no space left")

        monkeypatch.setattr(chief.chief.tuner.oracle, "save", full)
        with pytest.raises(OSError, match="no space left"):
            chief.end("a", first)
        answers = []
        other = threading.Thread(target=lambda: answers.append(chief.end("b", second)), daemon=True)
        other.start()
        other.join(20)
        assert answers == [False]
        assert str(chief.chief.error) == "no space left"
        assert chief.propose("b")["over"] == BROKEN
        with pytest.raises(Refusal, match="the sweep has failed: no space left"):
            chief.join("c")


def test_workers_share_a_gaussian_process(lead, tmp_path):
    with lead(tuner="bayesian", trials=6) as chief:
        chief.join("a"), chief.join("b")
        running = {worker: chief.trial(worker) for worker in "ab"}
        while chief.chief.over is None:
            for worker, trial in list(running.items()):
                assert chief.end(worker, trial, score=1 / (1 + int(trial)))
                chief.pass_time(0)
                begun = chief.propose(worker).get("begun")
                running.pop(worker) if begun is None else running.update({worker: begun["id"]})
        assert chief.chief.over == ENDED
    found = records(tmp_path)
    assert [trial.status for trial in found] == ["completed"] * 6
    assert len({json.dumps(trial.values) for trial in found}) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fingerprint": "other"}, "its data are not those of the sweep; point --data"),
        ({"identity": "other"}, "it works for another sweep"),
        ({"versions": {}}, "it has kavc None, and here is"),
    ],
)
def test_workers_that_make_something_else_of_the_sweep_are_refused(lead, changes, message):
    with lead() as chief, pytest.raises(Refusal, match=message) as caught:
        chief.join("a", **changes)
    assert caught.value.code == "FAILED_PRECONDITION"


@pytest.mark.parametrize("worker", ["../a", "", "a" * 41, "a b", "a/b", "ä"])
def test_names_that_could_be_paths_are_refused(lead, worker):
    with lead() as chief, pytest.raises(Refusal, match="a name has up to 40 letters"):
        chief.propose(worker)


@pytest.mark.parametrize(
    "changes",
    [
        {"score": None},
        {"status": "running"},
        {"status": "failed"},
        {"reason": "a\nb", "status": "failed", "score": None},
        {"reason": "a" * 301, "status": "failed", "score": None},
        {"seconds": {}},
        {"curve": {"only": [{"val_loss": "low"}]}},
        {"curve": {"only": {"val_loss": 1}}},
        {"best_epoch": {"only": None}},
        {"more": 1},
        {"score": 10**400},
        {"score": float("inf")},
        {"seconds": {"fit": 0.0, "whole": float("inf")}},
        {"curve": {"only": [{"val_loss": -(10**400)}]}},
    ],
)
def test_endings_that_are_none_are_refused(lead, tmp_path, changes):
    with lead() as chief:
        chief.join("a")
        trial = chief.trial("a")
        with pytest.raises(Refusal) as caught:
            chief.end("a", trial, **changes)
        assert caught.value.code == "INVALID_ARGUMENT"
        assert chief.chief.over is None
        assert not chief.end("a", "../../etc")  # another's trial, or none
        assert chief.end("a", trial)


def test_the_name_of_a_process_that_is_alone_is_refused(lead):
    with lead() as chief, pytest.raises(Refusal, match="'tuner0': a sweep's only process"):
        chief.join("tuner0")


def test_two_chiefs_on_one_folder(lead, data, tmp_path):
    settings = SweepSettings("small", data, tuner="random", trials=3)
    with lead(), pytest.raises(ConfigError, match="another process is writing to this folder"):
        run_chief(settings, tmp_path / "sweep", f"unix:{tmp_path / 'c'}", resume=True)
