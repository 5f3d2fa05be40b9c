"""Does an extraction that is killed by SIGKILL end as one that nobody killed?

Fifty short films of `kavc synth-video`, heard by YAMNet and seen by MobileNetV2, by the command
`kavc extract` in a process of its own: once to its end, then again, killed ten times and called
again each time. Moments are drawn: some clips after the last kill; while a clip's features are
being written; and, for the last three, while the corpus is. After each kill whatever has its name
must be whole, and the features that were there must be those that were there before.

    python benchmarks/extraction_sigkill.py --weights FOLDER --weights FOLDER
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kavc.cli.output import progress
from kavc.files import PARTIAL, write_json
from kavc.inputs.arrays import read_npz
from kavc.training.run import versions

OUT = Path(__file__).parent / "results" / "extraction_sigkill.json"
KAVC = (sys.executable, "-m", "kavc")
FILMS = ("--videos", "50", "--seconds", "2", "--size", "64x48", "--rate", "10")
ARRAYS = ("--audio", "yamnet", "--visual", "mobilenet-v2")
KILLS, AT_THE_END = 10, 3  # of them, the last ones hit the writing of the corpus
MOST_NEW = 5  # clips after which a process is killed
MOST = 2**30  # bytes of a part
LIMIT = 600.0  # seconds after which a process counts as hung


@dataclass
class Kill:
    """What a kill met and left.

    Args:
        moment: "between" clips, in a "write" or in the "corpus".
        clips: that had features after it.
        new: of them, since the kill before.
        cut: whether something was being written.
        wrong: what was not as it should be.
    """

    moment: str
    clips: int
    new: int
    cut: bool
    wrong: list[str]


def main() -> None:
    """Runs both extractions and writes the result; fails if one went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", action="append", required=True, help="folder or NAME=PATH")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        films, whole, cut = (Path(name) / each for each in ("films", "whole", "cut"))
        subprocess.run((*KAVC, "synth-video", str(films), *FILMS), check=True, capture_output=True)
        weights = [word for each in options.weights for word in ("--weights", each)]
        words = (*KAVC, "extract", str(films), *ARRAYS, *weights, "--json", "--out")
        clean = finish((*words, str(whole)))
        kills: list[Kill] = []
        before: dict[str, bytes] = {}
        for number in range(KILLS):
            kills.append(kill((*words, str(cut)), cut, whole, number, before, rng))
            progress(f"{number + 1}/{KILLS}: {kills[-1]}")
        last = finish((*words, str(cut)))
        left = [str(path.name) for path in cut.rglob(f"{PARTIAL}*")]
        equal = shards(cut) == shards(whole)
    rest = clean["made"] - kills[-1].clips
    result = {
        "question": "does an extraction that is killed at any moment end with the same bytes?",
        "command": "python benchmarks/extraction_sigkill.py --weights FOLDER --weights FOLDER"
        f" --seed {options.seed}",
        "clips": clean["clips"],
        "kills": len(kills),
        "kills_that_cut_a_write": sum(each.cut for each in kills),
        "wrong_after_a_kill": sum(len(each.wrong) for each in kills),
        "made_by_the_last_run": last["made"],
        "left_for_the_last_run": rest,
        "files_left_behind": len(left),
        "shards_equal_byte_by_byte": equal,
        "versions": versions(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "each": [asdict(each) for each in kills],
    }
    write_json(OUT, result)
    if not equal or left or rest != last["made"] or any(each.wrong for each in kills):
        raise SystemExit("an extraction did not survive")


def finish(words: Sequence[str]) -> dict:
    """Runs an extraction to its end; returns what it says."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr}")
    return json.loads(done.stdout)


def kill(
    words: Sequence[str],
    out: Path,
    whole: Path,
    number: int,
    before: dict[str, bytes],
    rng: random.Random,
) -> Kill:
    """Starts an extraction, and kills it at a moment that its number decides."""
    had = len(before)
    if number >= KILLS - AT_THE_END:
        moment, pattern, wanted = "corpus", f"{PARTIAL}new-*", 0
    elif number % 2:
        moment, pattern, wanted = "write", f"parts/{PARTIAL}*", had + rng.randint(1, MOST_NEW)
    else:
        moment, pattern, wanted = "between", "", had + rng.randint(1, MOST_NEW)
    pause = rng.random() * (0.2 if moment == "between" else 0.05 if moment == "corpus" else 0.0)
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + LIMIT
    while len(names(out)) < wanted or (pattern and not any(out.glob(pattern))):
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit("the process ended, or hung, before it was killed")
        time.sleep(0.001 if pattern else 0.02)
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        raise SystemExit("the process ended before it was killed")
    cut = any(out.rglob(f"{PARTIAL}*"))
    wrong = check(out, whole, before)
    return Kill(moment, len(before), len(before) - had, cut, wrong)


def check(out: Path, whole: Path, before: dict[str, bytes]) -> list[str]:
    """Returns what is wrong with a folder, and adds the features in it to those of before."""
    wrong = []
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if PARTIAL in name or not path.is_file():
            continue
        try:
            if path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".npz":
                read_npz(path, most=MOST)
        except Exception as error:
            wrong.append(f"{name}: {error}")
    there = names(out)
    for name, content in there.items():
        if before.setdefault(name, content) != content:
            wrong.append(f"{name}: was made again")
    is_there = (out / "corpus.json").exists()
    wrong += [f"{name}: is gone" for name in before if name not in there and not is_there]
    shown = shards(out)
    if any(shards(whole).get(name) != content for name, content in shown.items()):
        wrong.append("a shard is not that of the whole run")
    if is_there and shown.keys() != shards(whole).keys():
        wrong.append("a corpus without its shards")
    return wrong


def names(out: Path) -> dict[str, bytes]:
    """Returns the features of each clip that has some, as they are written."""
    return {path.stem: path.read_bytes() for path in (out / "parts").glob("*.npz") if
            not path.name.startswith(PARTIAL)}  # fmt: skip


def shards(out: Path) -> dict[str, bytes]:
    """Returns the shards of a corpus, by name."""
    return {path.name: path.read_bytes() for path in sorted(out.glob("*.tfrecord"))}


if __name__ == "__main__":
    main()
