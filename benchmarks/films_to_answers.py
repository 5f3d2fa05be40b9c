"""From mp4 files to a served answer: what is learnt, and is the answer the same on each road?

Synthetic films are made, their features extracted as Ti-AVC's (YAMNet in place of VGGish, whose
weights are not at hand), Ti-AVC trained on them and evaluated, exported with its front end and
served. Then films of the test split are asked about: by the corpus' features in this process, by
sound and pixels over gRPC, and by sound and JPEG files. Every figure is of synthetic films.

    python benchmarks/films_to_answers.py --weights WEIGHTS
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import matplotlib.image
import numpy as np
from interleaved import provenance

import kavc
from kavc.cli.output import progress
from kavc.data.synthetic.films import FilmSettings, write
from kavc.export.run import export_run
from kavc.extraction.asked import recipes
from kavc.extraction.clips import find_clips
from kavc.extraction.one_clip import extractors_as, features_of, request
from kavc.extraction.run import extract
from kavc.extraction.served import served_request
from kavc.extraction.weights import WeightFiles
from kavc.files import write_json
from kavc.serving.client.blocking import Client
from kavc.serving.server.local import LocalServer
from kavc.training.run import Run

OUT = Path(__file__).parent / "results" / "films_to_answers.json"
QUALITY = 95  # of JPEG files


def main() -> None:
    """Walks the road, and writes what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=int, default=400)
    parser.add_argument("--themes", type=int, default=8)
    parser.add_argument("--asked", type=int, default=20, help="films that are asked about")
    parser.add_argument("--preset", default="improved")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--weights", action="append", default=[])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "films", FilmSettings(themes=options.themes), videos=options.films)
        table = folder / "films" / "videos.csv"
        weights = WeightFiles.parse(options.weights)
        found = find_clips(table=table)
        wanted = recipes("ti-avc", ["audio=yamnet"])
        outcome = extract(
            found, wanted, folder / "features", weights=weights, table=table, tell=progress
        )
        progress(f"{outcome.clips} films have features")
        runs = []
        for seed in range(options.seeds):
            run = folder / "runs" / str(seed)
            kavc.train(
                "ti-avc", f"features:{outcome.folder}", run, preset=options.preset, seed=seed
            )
            runs.append(Run(run))
        tested = [clip for clip in found.clips if clip.row and clip.row.split == "test"]
        answers = roads(runs[0], tested[: options.asked], weights, folder)
        reports = [run.report.to_json() for run in runs]
    result = {
        "synthetic": True,
        "films": outcome.clips,
        "themes": options.themes,
        "preset": options.preset,
        "headlines": [report["headline"] for report in reports],
        **answers,
        "source": provenance(),
    }
    write_json(options.out, result)
    print(options.out.read_text())


def roads(run: Run, clips: list, weights: WeightFiles, folder: Path) -> dict[str, Any]:
    """Returns how far the answers about films lie apart that come by different roads."""
    extractors = extractors_as(run.data["extractors"], weights)
    export_run(run, folder / "models", extractors=extractors)
    own, themes = run.answers, run.classes
    by_features, by_pixels, by_jpeg, pixels = [], [], [], []
    with LocalServer(folder / "models", port=0) as server, Client(server.address) as client:
        for clip in clips:
            theme = {"theme": np.array([themes.index(clip.row.labels[0])], np.int32)}
            features = features_of(clip.path, extractors).arrays
            asked = request(features, own.info("serving_default"))
            if "theme" not in own.info("serving_default").inputs:
                theme = {}
            answer = own.predict("serving_default", {**asked, **theme})
            by_features.append(answer["match_score"][0])
            called, given = served_request(client, run.system.name, "serving_default", clip.path)
            answer = client.predict(run.system.name, {**given, **theme}, signature=called)
            by_pixels.append(answer["match_score"][0])
            frames, length = given.pop("frames"), given.pop("frames_length")
            files = np.array([[jpeg(image) for image in frames[0]]], object)
            pixels.append(np.abs(decoded(files[0]) - frames[0].astype(float)).mean())
            given |= {"jpeg": files, "jpeg_length": length}
            answer = client.predict(run.system.name, {**given, **theme}, signature=f"{called}_jpeg")
            by_jpeg.append(answer["match_score"][0])
    first, pixel, file = (np.array(each, float) for each in (by_features, by_pixels, by_jpeg))
    return {
        "asked": len(clips),
        "score, pixels against features, most": float(np.abs(pixel - first).max()),
        f"score, JPEG {QUALITY} against features, mean": float(np.abs(file - first).mean()),
        f"score, JPEG {QUALITY} against features, most": float(np.abs(file - first).max()),
        f"pixels, JPEG {QUALITY}, mean of 0 to 255": float(np.mean(pixels)),
        "scores, standard deviation": float(first.std()),
    }


def jpeg(image: np.ndarray) -> bytes:
    """Returns an image as a JPEG file."""
    stream = io.BytesIO()
    matplotlib.image.imsave(stream, image, format="jpeg", pil_kwargs={"quality": QUALITY})
    return stream.getvalue()


def decoded(files: np.ndarray) -> np.ndarray:
    """Returns JPEG files as images, (files, height, width, 3)."""
    return np.stack([matplotlib.image.imread(io.BytesIO(each), format="jpeg") for each in files])


if __name__ == "__main__":
    main()
