"""Judges what the phones of a farm sent back, and writes it into the bundle: accuracy is the gate, latency a hint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_export.bench.collect import device_perf
from edge_export.bundle.device_runs import write_runs
from edge_export.bundle.folder import Bundle
from edge_export.bundle.numerics import ArtifactRun
from edge_export.bundle.perf import DevicePerf
from edge_export.devices.results import Results, read_results
from edge_export.errors import RequestError
from edge_export.files.owned import scratch_folder
from edge_export.pipeline.bench_on_device import keep_perf
from edge_export.pipeline.farm_request import Asked, of_modes
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.proof import Exam, judged_runs, make_exam
from edge_export.pipeline.prove import checked_recordings
from edge_export.pipeline.score import score_in_worker
from edge_export.verify.artifact import Score
from edge_export.workers import Pool


@dataclass(frozen=True)
class Arrival:
    """One phone that was given the request.

    Attributes:
        name: The name that its results have.
        model, system: What the farm calls it, such as "Google Pixel 8" and "Android 15". Empty: what it says itself.
        take: `(folder) -> None`: brings its results into a folder with the inputs. Raises RequestError.
    """

    name: str
    take: Callable[[Path], None]
    model: str = ""
    system: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came out on one phone.

    Attributes:
        problem: Why there are no results. Empty: there are.
        runs: The runs by member.
        perf: None: nothing was timed.
    """

    name: str
    about: str
    problem: str
    runs: dict[str, tuple[ArtifactRun, ...]]
    perf: DevicePerf | None


def merge_phones(
    bundle: Bundle, asked: Asked, arrivals: Sequence[Arrival], mother: MotherSource | None, logs: Path
) -> list[Outcome]:
    """Writes the results of each phone into numerics.json and perf.json. A phone without results changes nothing.

    Raises:
        RequestError: The recorded inputs are damaged, or the bundle can't be written.
    """
    recorded = checked_recordings(bundle)
    formats = {item.format for item in asked.request.items}
    with scratch_folder() as work, Pool(1) as pool:
        exam = make_exam(bundle, formats, recorded, work)
        metric = bundle.manifest.recorded.metric
        score = score_in_worker(pool, mother, metric, recorded.held_out, logs / "score.log")
        outcomes = []
        for number, arrival in enumerate(arrivals):
            place = work / f"phone{number}"
            place.mkdir()
            (place / "inputs").symlink_to((asked.folder / "inputs").absolute())
            try:
                arrival.take(place)
                results = read_results(place, asked.request)
            except RequestError as error:
                about = ", ".join(part for part in (arrival.model, arrival.system) if part)
                outcomes.append(Outcome(arrival.name, about, str(error), {}, None))
                continue
            outcomes.append(_judged(exam, asked, arrival, results, score))
            write_runs(bundle.root, outcomes[-1].runs)
            if (perf := outcomes[-1].perf) is not None:
                keep_perf(bundle, perf)
    return outcomes


def _judged(exam: Exam, asked: Asked, arrival: Arrival, results: Results, score: Score | None) -> Outcome:
    told = {"model": arrival.model, "os": arrival.system}
    facts = results.facts.model_copy(update={name: value for name, value in told.items() if value})
    runs = judged_runs(exam, of_modes(asked.request, "verify"), results, arrival.name, score=score)
    timed = of_modes(asked.request, "bench", "memory")
    perf = None
    if timed.items:
        perf = device_perf(arrival.name, timed, results.timed(), facts).model_copy(update={"indicative": True})
    about = ", ".join(part for part in (facts.model, facts.soc or facts.arch, facts.os) if part)
    return Outcome(arrival.name, about, "", runs, perf)
