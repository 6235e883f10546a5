"""A family from Python: what `python -m edge_export build --target linux --mother digits --members 0.25` does."""

from pathlib import Path

from edge_export.bundle.folder import read_bundle
from edge_export.cache import cache_folder, log_folder
from edge_export.cache.store import Store
from edge_export.pipeline import BuildRequest, build
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.target import read_target


def main(out: Path = Path("dist/digits")) -> None:
    request = BuildRequest(
        target=read_target("linux"),
        mother=MotherSource(spec="digits", folder=Path.cwd()),
        members="0.25",
        out=out,
        jobs=None,
        logs=log_folder("digits"),
        store=Store(cache_folder() / "steps"),
    )
    build(request, progress=lambda member, what, state: print(member, what, state))
    for member in read_bundle(out).manifest.members:
        for artifact in member.artifacts:
            print(member.name, artifact.label, artifact.status, artifact.reason)


if __name__ == "__main__":  # steps run in processes of their own
    main()
