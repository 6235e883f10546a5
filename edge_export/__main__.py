"""`edge_export VERB …`: parses, calls one verb, turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import difflib
import signal
import sys
import textwrap
from typing import NoReturn

from edge_export import __version__
from edge_export.cli import VERBS
from edge_export.errors import RequestError, one_line

HELP_WIDTH = 79
ABOUT = "One elastic mother network in, a family of verified ExecuTorch, Core ML and TFLite members out."
EXAMPLES = """\
examples:
  edge_export build --target android
  edge_export verify dist/android
  edge_export inspect dist/android
  edge_export list

exit codes: 0 all passed; 1 something did not; 2 the request itself was wrong
"""


class Parser(argparse.ArgumentParser):
    """Tells a wrong command line in one line, like every other wrong request."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {one_line(message)} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = Parser(
        prog="edge_export",
        description=textwrap.fill(ABOUT, HELP_WIDTH),
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"edge_export {__version__}")
    verbs = root.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, verb in VERBS.items():
        sub = verbs.add_parser(
            name,
            help=verb.HELP,
            description=textwrap.fill(verb.HELP[0].upper() + verb.HELP[1:] + ".", HELP_WIDTH),
            epilog=verb.EXAMPLE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.add_arguments(sub)
        sub.add_argument("--debug", action="store_true", help="show tracebacks")
        sub.set_defaults(run=verb.run)
    return root


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if unknown := _unknown_verb(given):
        return _fail(unknown, 2)
    args = parser().parse_args(given)
    for number in (signal.SIGTERM, signal.SIGHUP):  # asked to end, or the terminal is gone: clean up as after Ctrl-C
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup does it
            signal.signal(number, signal.default_int_handler)
    try:
        return int(args.run(args))
    except RequestError as error:
        if args.debug:
            raise
        return _fail(f"{one_line(error, 1500)}", 2)
    except KeyboardInterrupt:
        return _fail(f"interrupted; {VERBS[args.verb].INTERRUPTED}", 130)
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        sys.stderr.close()
        return 1
    except Exception as error:
        if args.debug:
            raise
        return _fail(f"internal error, {type(error).__name__}: {one_line(error)} (--debug shows where)", 1)


def _unknown_verb(arguments: list[str]) -> str:
    """What to say of a first word that is no verb; empty where it is one, or there is none."""
    verb = next((word for word in arguments if not word.startswith("-")), None)
    if verb is None or verb in VERBS:
        return ""
    close = difflib.get_close_matches(verb, VERBS, 1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    return f'there is no verb "{one_line(verb, 40)}": {hint}verbs: {", ".join(VERBS)}'


def _fail(message: str, code: int) -> int:
    print(f"edge_export: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
