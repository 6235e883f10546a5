"""`farm`: runs a bundle on the phones of a farm; or plans the jobs of one's own, and merges what they leave."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge_export.cli import farm_aws, farm_firebase

HELP = "run on a farm's phones; or plan the jobs of a farm, and merge their results"
INTERRUPTED = "what was merged stays"
EXAMPLE = """\
examples:
  edge_export farm aws dist/android --project ARN --pool ARN
  edge_export farm firebase dist/android --device model=shiba,version=34
  edge_export farm plan dist/android --devices devices.toml
  edge_export farm plan dist/android --devices devices.toml --as gitlab
  edge_export farm collect results/* --into dist/android

devices.toml has a table for each device:
  [[device]]
  name = "ssh:pi@rack-1"
  shards = 2
  tags = ["self-hosted", "rack"]

Each job runs `verify` and `bench` with its --device and --shard on a copy of
the bundle, and keeps manifest.json, numerics.json and perf.json of the copy:
that folder is a result. examples/ci/ has pipelines for GitHub and GitLab.
"""
GITLAB_TEMPLATE = "examples/ci/gitlab_device.yml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="aws|firebase|plan|collect", required=True)
    farm_aws.add_action(actions)
    farm_firebase.add_action(actions)
    plan = actions.add_parser("plan", help="print the matrix of jobs: device x shard")
    plan.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that build wrote")
    plan.add_argument("--devices", type=Path, required=True, metavar="FILE", help="TOML file of devices")
    plan.add_argument("--as", dest="form", choices=("github", "gitlab"), default="github", help="default: github")
    plan.add_argument(
        "--template", metavar="F", help=f"gitlab: the file of the job to extend (default: {GITLAB_TEMPLATE})"
    )
    collect = actions.add_parser("collect", help="merge results into a bundle")
    collect.add_argument("results", type=Path, nargs="+", metavar="RESULT", help="folder that a job left")
    collect.add_argument("--into", type=Path, required=True, metavar="BUNDLE", help="the bundle that all ran")
    collect.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    actions = {"aws": farm_aws.run, "firebase": farm_firebase.run, "plan": _plan, "collect": _collect}
    return actions[args.action](args)


def _plan(args: argparse.Namespace) -> int:
    from edge_export.bundle.folder import read_bundle
    from edge_export.devices.farm import github_matrix, gitlab_pipeline, jobs_of, read_farm
    from edge_export.errors import RequestError

    if args.template and args.form != "gitlab":
        raise RequestError("--template would have no effect: it is for --as gitlab")
    jobs = jobs_of(read_farm(args.devices), read_bundle(args.bundle).manifest)
    as_gitlab = args.form == "gitlab"
    print(json.dumps(gitlab_pipeline(jobs, args.template or GITLAB_TEMPLATE) if as_gitlab else github_matrix(jobs)))
    return 0


def _collect(args: argparse.Namespace) -> int:
    from edge_export.bundle.collect import collect

    found = collect(args.into, args.results)
    bad = [(member, run) for member, run in found.runs if run.verdict in ("failed", "error")]
    broken = [(device, each) for device, each in found.times if each.outcome == "failed"]
    failures = [
        *(f"{member}/{run.artifact} on {run.device}: {run.verdict}: {run.reason}" for member, run in bad),
        *(f"{each.member}/{each.artifact} on {device}: not timed: {each.reason}" for device, each in broken),
    ]
    code = 1 if failures else 0
    if args.json:
        result = {
            "bundle": str(args.into),
            "passed": not code,
            "results": len(args.results),
            "runs": len(found.runs),
            "timed": len(found.times),
            "replaced": found.replaced,
            "failed": failures,
        }
        print(json.dumps(result))
        return code
    from edge_export.cli import tables

    console = tables.console()
    for failure in failures:
        console.print(tables.plain(failure))
    count = tables.several(len(args.results), "result")
    new = f"{tables.several(len(found.runs), 'new run')} and {tables.several(len(found.times), 'new time')}"
    console.print(tables.plain(f"{args.into}: {count}, {new}, of which {found.replaced} replaced earlier ones"))
    return code
