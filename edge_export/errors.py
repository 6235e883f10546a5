"""The one error that a user may cause, and how the command line shows it."""


class RequestError(Exception):
    """The request itself was wrong: bad name, bad file, bad folder. The command line exits 2.

    The message is one line that says what is wrong, where, and what to do next.
    """


def one_line(text: object, limit: int = 400) -> str:
    """Fold any message, such as a library's exception, into one printable line of at most `limit` characters."""
    line = " ".join(str(text).split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"
