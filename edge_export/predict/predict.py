"""Runs a member on a file of the user's. The task reads the file and formats the result; a worker runs the artifact."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path

from edge_export.errors import RequestError, one_line
from edge_export.files.arrays import Array, load_arrays, save_arrays
from edge_export.files.owned import scratch_folder
from edge_export.formats import worker_kind
from edge_export.predict.choice import Choice
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
from edge_export.tasks import TASKS, task_for
from edge_export.tasks.task import Prediction, PredictionRequest, Ran
from edge_export.workers import Pool, WorkerError

POLL_S = 0.1


def predict(
    choice: Choice, source: Path, output: Path | None, log: Path, report: Callable[[int, int], None]
) -> Prediction:
    """Returns the result for the file `source`.

    Args:
        output: The file or folder to write the result to. None: do not write it.
        log: The file to which the output of the runtime is appended.
        report: Called with the number of finished calls and the number of all calls.

    Raises:
        RequestError: The task cannot read the file, the result cannot be written, or the artifact does not run.
    """
    member, name = choice.member, choice.bundle.manifest.mother.task
    if name is not None and name not in TASKS:
        raise RequestError(
            f"{choice.bundle.root} is for the unknown task {name}: give a bundle for one of {', '.join(TASKS)}"
        )
    about = {"member": member.name, "artifact": choice.artifact.label}
    request = PredictionRequest(about, member.io, source, output, report)

    def run(inputs: dict[str, Array], *, timeout_s: float, on_calls: Callable[[int], None] = lambda _: None) -> Ran:
        return _run(choice, inputs, timeout_s, log, on_calls)

    return task_for(member.io, name).predict(request, run)


def _run(choice: Choice, inputs: dict[str, Array], timeout_s: float, log: Path, on_calls: Callable[[int], None]) -> Ran:
    """Runs the artifact.

    Raises:
        RequestError: It cannot be run.
    """
    member, artifact = choice.member, choice.artifact
    assert artifact.io is not None
    with scratch_folder() as folder, Pool(1) as pool:
        save_arrays(folder / "inputs.safetensors", inputs)
        request = RunRequest(
            file=CompiledFile(
                format=artifact.format,
                backend=artifact.backend,
                path=choice.path,
                io=artifact.io,
                member_io=member.io,
            ),
            inputs=folder / "inputs.safetensors",
            outputs=folder / "outputs.safetensors",
            stream=member.io.stream is not None,
            progress=folder / "calls",
        )
        future = pool.submit(RUN, request, kind=worker_kind(artifact.format), timeout_s=timeout_s, log=log)
        try:
            while not wait([future], POLL_S).done:
                on_calls(_calls(folder / "calls"))
            answer = future.result()
        except WorkerError as error:
            message = f"{member.name}/{artifact.label} did not run ({one_line(error, 200)}): see {log}"
            raise RequestError(message) from error
        if answer.unsupported:
            raise RequestError(
                f"{artifact.label} can't run here, unsupported operators: {', '.join(answer.unsupported)}"
            )
        return Ran(load_arrays(request.outputs), answer.runtime, answer.seconds)


def _calls(progress: Path) -> int:
    try:
        return int(progress.read_text() or 0)
    except (OSError, ValueError):
        return 0
