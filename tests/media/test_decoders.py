import signal
import subprocess
import sys

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.media import Decoders, Uniform, probe, read_frames, read_sound

# Files that make their process do something: expressions for `eval`, which stands for a codec.
HANG = "__import__('time').sleep(100)"
STOP = "__import__('os').kill(__import__('os').getpid(), 19)"
CRASH = "__import__('os').kill(__import__('os').getpid(), 11)"
EXIT = "__import__('os')._exit(3)"
FILL = "bytearray(2**33)"
LARGE = "__import__('numpy').broadcast_to(__import__('numpy').uint8(0), 2**30)"
FAIL = "1 / 0"


@pytest.fixture(scope="module")
def decoders():
    with Decoders(seconds=60, memory=2**30) as found:
        yield found


def test_results_are_those_of_this_process(decoders, talkie):
    assert decoders.run(probe, talkie) == probe(talkie)
    sound = decoders.run(read_sound, talkie, seconds=1)
    np.testing.assert_array_equal(sound.samples, read_sound(talkie, seconds=1).samples)
    frames = decoders.run(read_frames, talkie, Uniform(3))
    np.testing.assert_array_equal(frames.images, read_frames(talkie, Uniform(3)).images)


def test_errors_are_those_of_this_process(decoders, talkie, tmp_path):
    with pytest.raises(DataError, match=r"none.mp4: no such file"):
        decoders.run(probe, tmp_path / "none.mp4")
    with pytest.raises(ConfigError, match="track 9 is no video"):
        decoders.run(read_frames, talkie, Uniform(3), track=9)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (CRASH, r"reading it crashed the process \(SIGSEGV\); it is left out"),
        (EXIT, r"reading it ended the process \(status 3\); it is left out"),
        (FILL, "reading it needs more than 1024 MiB of memory"),
        (LARGE, "reading it needs more than 1024 MiB of memory"),  # to send it, that is
        (FAIL, r"reading it failed \(ZeroDivisionError: division by zero\)"),
    ],
)
def test_a_crash_and_the_next_file(decoders, talkie, job, words):
    with pytest.raises(DataError, match=words) as error:
        decoders.run(eval, job)
    assert str(error.value).startswith(job) and "\n" not in str(error.value)
    assert decoders.run(probe, talkie) == probe(talkie)


@pytest.mark.parametrize("job", [HANG, STOP])
def test_a_hang_and_the_next_file(talkie, job):
    with Decoders(seconds=1) as decoders:
        with pytest.raises(DataError, match="reading it took longer than 1 s; it is left out"):
            decoders.run(eval, job)
        decoders._seconds = 60
        assert decoders.run(probe, talkie) == probe(talkie)


def test_a_process_that_was_killed_between_files(talkie):
    with Decoders() as decoders:
        first = decoders.run(eval, "__import__('os').getpid()")
        assert decoders.run(eval, "__import__('os').getpid()") == first
        subprocess.run(["kill", "-9", str(first)], check=True)
        decoders._children[0]._process.wait()
        assert decoders.run(probe, talkie) == probe(talkie)


def test_many_files_in_their_order(talkie, tmp_path):
    paths = [talkie, tmp_path / "none.mp4", talkie, talkie]
    with Decoders(2) as decoders:
        found = list(decoders.map(probe, paths))
    assert [path for path, _ in found] == paths
    assert isinstance(found[1][1], DataError)
    assert [result for _, result in found if result != found[1][1]] == [probe(talkie)] * 3


def test_processes_load_neither_tensorflow_nor_keras(decoders, talkie):
    decoders.run(read_frames, talkie, Uniform(1))
    loaded = decoders.run(eval, "sorted(__import__('sys').modules)")
    assert "av" in loaded and not {"tensorflow", "keras"} & set(loaded)


def test_nothing_here_loads_tensorflow():
    code = (
        "import sys; from kavc.media import *; import kavc.media.worker;"
        "print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    modules = "At, Crop, Decoders, FrameStream, SoundStream, read_key_frames, probe, read_frames"
    done = subprocess.run(
        [sys.executable, "-c", code.replace("*", modules)], capture_output=True, text=True
    )
    assert done.stdout == "set()\n", done.stderr


def test_processes_end_with_the_block():
    with Decoders() as decoders:
        decoders.run(eval, "0")
        process = decoders._children[0]._process
    assert process.poll() is not None


def test_decoders_that_there_are_not():
    for options in ({"count": 0}, {"seconds": 0}, {"seconds": float("nan")}):
        with pytest.raises(ConfigError, match="at least one process and some time"):
            Decoders(**options)

    def function(path):
        pass

    with Decoders() as decoders:
        for each in (function, lambda path: path, "clip".upper):
            with pytest.raises(ConfigError, match="must be a function of a module, by its name"):
                decoders.run(each, "clip.mp4")
        function.__module__ = "__main__"
        with pytest.raises(ConfigError, match="must be a function of a module, not of a script"):
            decoders.run(function, "clip.mp4")


def test_what_can_not_be_sent(decoders, talkie):
    with pytest.raises(ConfigError, match="a value of builtins:set can't be sent"):
        decoders.run(probe, talkie, video={1})
    with pytest.raises(DataError, match=r"set\(\): what was read of it can't be sent: a value of"):
        decoders.run(eval, "set()")
    assert decoders.run(probe, talkie) == probe(talkie)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["\0\0\0\2{}"], "what the process sent is no message"),
        (["pickle"], "what the process sent is no message"),
        ([("item", 1)], "the process sent 2 results"),
        ([("begun", None)], "what the process sent is no answer"),
        ([("failed", "a")], "what the process sent is no answer"),
        ([("done", 3)], "what the process sent is no answer"),
        ([("done", None)], "the process sent 0 results"),
        ([["item", 3]], "what the process sent is no answer"),
        ([3], "what the process sent is no answer"),
    ],
)
def test_a_process_that_was_taken_over(streamed, talkie, values, words):
    with Decoders() as decoders:
        with pytest.raises(DataError, match=words) as error:
            decoders.run(streamed.says, "clip.mp4", values)
        assert str(error.value).startswith("clip.mp4: ")
        assert decoders.run(probe, talkie) == probe(talkie)


def test_after_an_interrupt_no_answer_is_mistaken_for_the_next(decoders, talkie):
    def interrupt(*_):
        raise KeyboardInterrupt

    decoders.run(probe, talkie)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            decoders.run(eval, HANG)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert decoders.run(probe, talkie) == probe(talkie)
