"""`farm aws`: proves and times a bundle on phones of AWS Device Farm."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING, Any

from edge_export.cli.amounts import positive, whole
from edge_export.cli.bundle_mother import find_mother
from edge_export.cli.farm_order import ORDER, add_order_arguments, add_result_arguments, refuse_given, settings_of
from edge_export.devices.farms.platforms import PLATFORMS

if TYPE_CHECKING:
    from edge_export.bundle.folder import Bundle
    from edge_export.devices.farms.aws_client import Farm
    from edge_export.devices.farms.aws_uploads import Say
    from edge_export.pipeline.farm_aws import Order

EXAMPLE = """\
examples:
  edge_export farm aws dist/android --project ARN --pool ARN
  edge_export farm aws dist/android --project ARN \\
      --pool 'MANUFACTURER=Google,OS_VERSION>=13' --most 3
  edge_export farm aws dist/ios --platform ios --project ARN --pool ARN
  edge_export farm aws dist/android --resume ARN

Rules are separated by commas; A|B is either of two values; the signs are
= != ~ (contains) < <= > >=. Credentials are those of AWS's own tools.
Exit code 1: an artifact or a phone did not pass. Times of phones that others
use, too, are kept as a hint, and fail nothing.
"""
MINUTES, EVERY_S, MOST = 60, 30.0, 5
MOST_MINUTES = 150
"""AWS's own limit."""
_ORDER = ("project", "pool", "most", *ORDER, "minutes", "name", "platform")
"""What --resume takes from the run."""


def add_action(actions: Any) -> None:
    parser = actions.add_parser(
        "aws",
        help="prove and time a bundle on phones of AWS Device Farm",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--project", metavar="ARN", help="the project")
    parser.add_argument("--pool", metavar="P", help="the ARN of a device pool, or rules")
    parser.add_argument("--most", type=whole(1, 100), metavar="N", help=f"phones, with rules (default: {MOST})")
    parser.add_argument("--platform", choices=tuple(PLATFORMS), help="default: android")
    add_order_arguments(parser, "what android_demo or ios_demo makes", "the app; ios: the .xctestrun beside it")
    parser.add_argument(
        "--minutes", type=whole(5, MOST_MINUTES), metavar="N", help=f"one phone may take (default: {MINUTES})"
    )
    parser.add_argument("--name", metavar="N", help="of the run (default: that of the bundle)")
    parser.add_argument("--profile", metavar="P", help="of AWS's configuration")
    parser.add_argument("--every", type=positive, default=EVERY_S, metavar="S", help="look every S s (default: 30)")
    parser.add_argument("--resume", metavar="ARN", help="wait for this run, and merge it")
    add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from edge_export.bundle.folder import read_bundle
    from edge_export.bundle.perf import read_perf
    from edge_export.cache import log_folder
    from edge_export.cli.farm_outcomes import tell_outcomes
    from edge_export.cli.progress import timed_lines
    from edge_export.devices.farms.aws_client import Farm, checked_arn
    from edge_export.errors import RequestError
    from edge_export.pipeline.farm_aws import collect_run, request_of, start_run

    _check(args)
    bundle = read_bundle(args.bundle)
    read_perf(bundle)  # a damaged one is found before the work, not after it
    mother, _ = find_mother(args, bundle)
    farm, say = Farm(args.profile), timed_lines()
    if args.resume:
        arn = checked_arn(args.resume, "run", "--resume")
    else:
        arn = start_run(bundle, farm, _order(args, bundle), args.every, say)
    again = shlex.join(["edge_export", "farm", "aws", str(args.bundle), "--resume", arn])
    if not args.resume:
        print(f"scheduled; it can be taken up again by {again}", file=sys.stderr)
    asked = request_of(bundle, farm, arn)
    try:
        result, message = _wait(farm, arn, again, args.every, say)
        outcomes = collect_run(bundle, farm, arn, asked, mother, log_folder(f"farm-{bundle.root.absolute().name}"), say)
    except RequestError as error:
        raise RequestError(f"{error}; go on by `{again}`") from error
    if not outcomes:
        raise RequestError(f"the run had no phone ({result.lower()}{f': {message}' if message else ''}): check --pool")
    extra = {"run": arn, "result": result, "message": message}
    return tell_outcomes(bundle, outcomes, extra, strict=args.strict, as_json=args.json)


def _check(args: argparse.Namespace) -> None:
    """Raises RequestError if options are missing, or would have no effect."""
    from edge_export.errors import RequestError

    if args.resume:
        refuse_given(args, _ORDER, "--resume goes on with a run as it is")
        return
    if missing := [f"--{name}" for name in ("project", "pool") if getattr(args, name) is None]:
        raise RequestError(f"{' and '.join(missing)} is missing: give its ARN, or --resume with that of a run")
    if args.most is not None and args.pool.startswith("arn:"):
        raise RequestError("--most would have no effect: it goes with rules, and --pool is an ARN")


def _order(args: argparse.Namespace, bundle: Bundle) -> Order:
    from edge_export.devices.farms.aws_client import checked_arn
    from edge_export.pipeline.farm_aws import Order
    from edge_export.spec.lazy import resolve

    platform = PLATFORMS[args.platform or "android"]
    app = args.app or resolve(platform.app_file)
    return Order(
        project=checked_arn(args.project, "project", "--project"),
        pool=args.pool,
        most=args.most or MOST,
        platform=platform,
        app=app,
        tests=args.tests or resolve(platform.find_tests)(app),
        settings=settings_of(args),
        minutes=args.minutes or MINUTES,
        name=args.name or bundle.root.absolute().name,
    )


def _wait(farm: Farm, arn: str, again: str, every_s: float, say: Say) -> tuple[str, str]:
    """Returns AWS's result and message. Ctrl-C asks whether to stop the run, and says how to go on."""
    from edge_export.devices.farms.aws_run import wait

    try:
        result, message = wait(farm, arn, every_s, say)
    except KeyboardInterrupt:
        _interrupted(farm, arn, again)
        raise
    if message:
        say("run", message)
    return result, message


def _interrupted(farm: Farm, arn: str, again: str) -> None:
    """Stops the run if that is wanted. Nobody to ask: it goes on."""
    from edge_export.devices.farms.aws_run import stop
    from edge_export.errors import RequestError, one_line

    try:
        if _wants_stop():
            stop(farm, arn)
            print(f"the run stops; merge what it has finished by {again}", file=sys.stderr)
            return
    except RequestError as error:
        print(f"it could not be stopped: {one_line(error, 400)}", file=sys.stderr)
    print(f"the run goes on, and costs; take it up again by {again}", file=sys.stderr)


def _wants_stop() -> bool:
    if not sys.stdin.isatty():
        return False
    try:
        print("\nStop the run? Phones that have begun are paid for. [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except (KeyboardInterrupt, OSError):
        return False
