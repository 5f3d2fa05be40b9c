"""Do towers and their catalogue roll together, so that every answer is its own version's?

`kavc serve` with the network and an index of sounds in one SavedModel. Eight closed-loop clients
ask `retrieve_audio` what fits one silent video while ten versions are published in a minute and
the older ones removed. The index is cut into two halves that share no id; odd versions hold one,
even versions the other. Every answer names its version, and its ten best are checked against that
half. The picture and the table show the latencies over time, with the swaps marked.

    python benchmarks/serving_index_swaps.py RUN INDEX
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import closed_loop
import numpy as np
from closed_loop import Seen
from rolling import by_second, draw, publish, rounded, series, while_running

OUT = Path(__file__).parent / "results" / "serving_index_swaps"
MODEL, SIGNATURE = "cross-modal-embedding", "retrieve_audio"
CLIENTS, SWAPS, BEST = 8, 10, 10
REST_SECONDS = 20.0
FLOAT32 = 2e-5  # absolute, for cosines: other fusions of ops, other order of sums


def main() -> None:
    """Runs the swaps, writes what was seen and draws it; fails if an answer was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run of the cross-modal embedding")
    parser.add_argument("index", type=Path, help="index of sounds of that run")
    parser.add_argument("--seconds", type=float, default=60.0, help="for the ten swaps")
    parser.add_argument("--out", type=Path, default=OUT, help="without a suffix")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        in_other_process(prepare, options.run, options.index, scratch)
        model = scratch / "models" / MODEL
        publish(source(scratch, 1), model / "1")
        server, address = closed_loop.serve(model.parent)
        try:
            rest, during, published = swaps(address, scratch, options.seconds)
        finally:
            server.terminate()
            server.wait()
        found = facts(rest, during, published, scratch)
    found["command"] = f"python benchmarks/{Path(sys.argv[0]).name} RUN INDEX"
    found["cores"] = os.cpu_count()
    options.out.with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n")
    write_seconds(during, published, options.out.with_suffix(".csv"))
    draw(found, series(during, published), options.out.with_suffix(".png"))
    print(json.dumps(found, indent=2))
    if found["failed"] or found["wrong answers"]:
        raise SystemExit("a request failed or got a wrong answer")


def in_other_process(work, *arguments) -> None:
    """Does work that loads TensorFlow where its threads can't meet the fork of the callers."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit("nothing could be exported")


def prepare(run: Path, index: Path, scratch: Path) -> None:
    """Exports the run with each half of the index; writes a request and all right answers."""
    from kavc.data.feature_store import FeatureStore
    from kavc.export.run import export_run
    from kavc.retrieval.index import Index
    from kavc.serving.protos import ModelSpec, PredictRequest
    from kavc.serving.wire import to_proto
    from kavc.training.run import load_run

    loaded, whole = load_run(run), Index.load(index)
    videos = FeatureStore.from_dataset(loaded.system.read(loaded.source, "test", loaded.config))
    visual = videos.visual[np.argsort(~videos.silent, kind="stable")[:1]]  # a silent one, if any
    embedding = loaded.system.embed(loaded.network, "visual", visual, loaded.config)
    for half in (0, 1):
        part = Index(whole.dim, modality=whole.modality, model=whole.model)
        part.add(whole.ids[half::2], whole.vectors[half::2])
        part.save(scratch / f"index-{half}")
        export_run(loaded, scratch / f"export-{half}", name=MODEL, index=scratch / f"index-{half}")
        scores = part.vectors @ embedding[0]
        np.savez(scratch / f"right-{half}.npz", ids=np.array(part.ids), scores=scores)
    request = PredictRequest(
        model_spec=ModelSpec(name=MODEL, signature_name=SIGNATURE),
        inputs={"visual": to_proto(visual)},
    )
    (scratch / "request").write_bytes(request.SerializeToString())


def source(scratch: Path, version: int) -> Path:
    """Returns the export that a version is a copy of."""
    return scratch / f"export-{version % 2}" / MODEL / "1"


def swaps(address: str, scratch: Path, seconds: float) -> tuple[Seen, Seen, list[float]]:
    """Publishes ten versions under load, with time for the last to load; removes older ones."""
    request = (scratch / "request").read_bytes()
    model = scratch / "models" / MODEL
    rest = closed_loop.run(address, request, clients=CLIENTS, seconds=REST_SECONDS)
    published: list[float] = []
    period = seconds / SWAPS

    def roll() -> None:
        begin = time.monotonic()
        for number in range(SWAPS):
            version = number + 2
            sleep_until(begin + (number + 0.25) * period)
            publish(source(scratch, version), model / str(version))
            published.append(time.monotonic())
            sleep_until(begin + (number + 0.75) * period)
            shutil.rmtree(model / str(version - 1))

    during = while_running(
        roll,
        lambda: closed_loop.run(
            address, request, clients=CLIENTS, seconds=seconds, keep_answers=True
        ),
    )
    return rest, during, published


def sleep_until(moment: float) -> None:
    """Waits for a moment of the monotonic clock."""
    time.sleep(max(0.0, moment - time.monotonic()))


def facts(rest: Seen, during: Seen, published: list[float], scratch: Path) -> dict:
    """Returns what was seen, with every answer checked."""
    versions, wrong = checked(during.answers, scratch)
    return {
        "swaps": len(published),
        "clients": CLIENTS,
        "vectors in each version": len(np.load(scratch / "right-0.npz")["ids"]),
        "answered": len(during.seconds),
        "failed": dict(Counter(rest.failures) + Counter(during.failures)),
        "wrong answers": wrong,
        "answers of each version": dict(sorted(versions.items())),
        "p50, p99 at rest (ms)": rounded(rest.percentile(50, 99)),
        "p50, p99, most during swaps (ms)": rounded(during.percentile(50, 99, 100)),
    }


def checked(answers: Counter[bytes], scratch: Path) -> tuple[Counter[int], int]:
    """Returns how many answers each version gave, and how many of all are wrong for theirs."""
    from kavc.serving.protos import PredictResponse
    from kavc.serving.wire import to_array

    catalogues = []
    for half in (0, 1):
        with np.load(scratch / f"right-{half}.npz") as right:
            catalogues.append(dict(zip(right["ids"].tolist(), right["scores"], strict=True)))
    versions: Counter[int] = Counter()
    wrong = 0
    for answer, count in answers.items():
        response = PredictResponse.FromString(answer)
        version = response.model_spec.version.value
        ids, scores = (to_array(response.outputs[name], name)[0] for name in ("ids", "scores"))
        versions[version] += count
        wrong += count * (not right_for(catalogues[version % 2], ids[:BEST], scores[:BEST]))
    return versions, wrong


def right_for(catalogue: dict[str, float], ids: np.ndarray, scores: np.ndarray) -> bool:
    """Tells whether these are the best of a catalogue; equal scores may take turns."""
    names = [each.decode() for each in ids]
    if len(set(names)) < BEST or not catalogue.keys() >= set(names):
        return False
    theirs = np.array([catalogue[name] for name in names])
    best = np.sort(np.array(list(catalogue.values())))[::-1][:BEST]
    return np.allclose(scores, theirs, atol=FLOAT32) and np.allclose(scores, best, atol=FLOAT32)


def write_seconds(during: Seen, published: list[float], path: Path) -> None:
    """Writes p50 and p99 of each second, and how many versions were published in it."""
    start = during.starts.min()
    swapped = Counter(int(moment - start) for moment in published)
    rows = [
        f"{second},{p50:.3f},{p99:.3f},{swapped[second]}"
        for second, (p50, p99) in enumerate(by_second(during, 50, 99).T)
    ]
    path.write_text("\n".join(["second,p50 (ms),p99 (ms),versions published", *rows]) + "\n")


def redraw(json_file: Path, path: Path) -> None:
    """Draws the swaps of a report and its table, whose versions are known to the second."""
    table = np.genfromtxt(json_file.with_suffix(".csv"), delimiter=",", skip_header=1)
    shown = {
        "p50 of each second (ms)": table[:, 1],
        "p99 of each second (ms)": table[:, 2],
        "published (s)": table[:, 0][table[:, 3] > 0] + 0.5,
    }
    draw(json.loads(json_file.read_text()), shown, path)


if __name__ == "__main__":
    main()
