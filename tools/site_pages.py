"""A hook of mkdocs: takes pages from elsewhere in the repository into the site, and turns links to its other files.

Texts are written for readers of the repository: links lead from file to file. In the site, a link to a page of `PAGES`
or of `docs/` leads to that page, and a link to any other file becomes that file's path, since the site knows no host.
"""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "android_demo/README.md": "android_demo.md",
    "android_demo/gradle/README.md": "android_studio.md",
    "ios_demo/README.md": "ios_demo.md",
    "benchmarks/README.md": "benchmarks.md",
    "edge_export/runtimes/mil/README.md": "mil.md",
}
"""The pages of the site that lie outside of `docs/`, by their files in the repository."""
FILES = {page: file for file, page in PAGES.items()}
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")
TAG = re.compile(r'(?P<before><img [^>]*?src=")(?P<target>[^"]+)')
INLINE_CODE = re.compile(r"(?<!</span>)<code>[^<]*</code>")
OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
_FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
_log = logging.getLogger("mkdocs.hooks.site_pages")


def on_files(files: Any, config: Any) -> Any:
    """Adds `PAGES` and their pictures to the files of the site."""
    from mkdocs.structure.files import File

    for file, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / file)))
    for picture in sorted(pictures()):
        files.append(File.generated(config, picture, abs_src_path=str(ROOT / picture)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turns the links of one page."""
    uri = page.file.src_uri
    turned, problems = turn_links(markdown, FILES.get(uri, f"docs/{uri}"), uri)
    for problem in problems:
        _log.warning("%s: %s", uri, problem)
    return turned


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Keeps options in running text whole: a line may break between words of code, but not within `--max-macs`."""
    return INLINE_CODE.sub(lambda code: OPTION.sub(r'<span class="option">\g<0></span>', code[0]), html)


def pictures() -> set[str]:
    """Returns the pictures that `PAGES` show, by their paths in the repository."""
    found = {
        _inside(file, target) for file in PAGES for target in picture_targets((ROOT / file).read_text(encoding="utf-8"))
    }
    return {path for path in found if path is not None and not path.startswith("docs/")}


def picture_targets(markdown: str) -> list[str]:
    """Returns where the pictures of a page lie, those in tags of HTML, too."""
    tags = (tag for text in texts(markdown)[::2] for tag in TAG.finditer(text))
    return [match["target"] for match in (*(link for link in links(markdown) if link["image"]), *tags)]


def texts(markdown: str) -> list[str]:
    """Returns a page cut into pieces: text at even places, fenced code at odd ones. Joined, they are the page."""
    return _FENCED.split(markdown)


def links(markdown: str) -> Iterator[re.Match[str]]:
    """Yields the links and pictures outside of fenced code."""
    for text in texts(markdown)[::2]:
        yield from LINK.finditer(text)


def turn_links(markdown: str, file: str, uri: str) -> tuple[str, list[str]]:
    """Returns the text of a page with its links turned, and what is wrong with them.

    Args:
        file: The page's file in the repository.
        uri: The page's place in the site.
    """
    problems: list[str] = []

    def path_of(target: str) -> str | None:
        path = _inside(file, target)
        if path is not None and not (ROOT / path).exists():
            problems.append(f"{target} leads to {path}, which does not exist")
            return None
        return path

    def turn(link: re.Match[str]) -> str:
        path, anchor = path_of(link["target"]), link["target"].partition("#")[2]
        if path is None:
            return link[0]
        place = path.removeprefix("docs/") if path.startswith("docs/") else PAGES.get(path, path)
        if place == path and not link["image"]:
            return _named(link["text"], path)
        return f"{link['image']}[{link['text']}]({_relative(place, uri)}{'#' + anchor if anchor else ''})"

    def turn_tag(tag: re.Match[str]) -> str:
        path = path_of(tag["target"])
        return tag[0] if path is None else tag["before"] + _relative(path.removeprefix("docs/"), uri)

    pieces = texts(markdown)
    pieces[::2] = [TAG.sub(turn_tag, LINK.sub(turn, text)) for text in pieces[::2]]
    return "".join(pieces), problems


def _relative(place: str, uri: str) -> str:
    return posixpath.relpath(place, posixpath.dirname(uri) or ".")


def _inside(file: str, target: str) -> str | None:
    """Returns the path in the repository that a link of a file leads to. None: it leads elsewhere, or stays in it."""
    if "://" in target or target.startswith(("mailto:", "#")):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), target.partition("#")[0]))


def _named(text: str, path: str) -> str:
    """Returns the text of a link to a file that is no page, with the file's path."""
    name = text.strip("`").rstrip("/")
    return f"`{path}`" if path.endswith(name) else f"{text} (`{path}`)"
