"""The documentation's site: its pages, its links, and the hook that takes pages from all over the repository."""

from __future__ import annotations

import importlib.util
import itertools
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


def load(name: str) -> ModuleType:
    """A file of the tools as a module; mkdocs loads its hook by its path, too."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    return hook


HOOK = load("site_pages")
_OWN = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
SITE = HOOK.FILES | {uri: f"docs/{uri}" for uri in _OWN}
"""Every page of the site, with its file."""


def settings() -> dict:
    return yaml.safe_load((ROOT / "mkdocs.yml").read_text())


def entries(nav) -> list[str]:
    """The pages of a navigation, in order."""
    if isinstance(nav, str):
        return [nav]
    return [page for entry in (nav.values() if isinstance(nav, dict) else nav) for page in entries(entry)]


def test_the_navigation_has_every_page_once():
    assert sorted(entries(settings()["nav"])) == sorted(SITE)


def test_the_site_asks_nobody_else():
    """Fonts and pictures come with it, and links to its own repository need no host."""
    site = settings()
    assert site["theme"]["font"] is False
    assert not {"site_url", "repo_url", "edit_uri", "extra_javascript"} & site.keys()
    assert all("://" not in sheet for sheet in site["extra_css"])
    pictures = [target for file in SITE.values() for target in HOOK.picture_targets((ROOT / file).read_text())]
    assert len(pictures) > 10
    assert [target for target in pictures if "://" in target] == []


@pytest.mark.parametrize("uri", SITE)
def test_links_of_a_page_lead_to_files(uri):
    text = (ROOT / SITE[uri]).read_text()
    turned, problems = HOOK.turn_links(text, SITE[uri], uri)
    assert problems == []
    assert "../" not in "".join(link["target"] for link in HOOK.links(turned)) or "/" in uri


def crowded(text: str) -> list[str]:
    """The list items that the site takes for text: first ones, or those behind a paragraph, without an empty line."""
    item = re.compile(r" *([-*]|\d+\.) ")
    found, in_list, paragraphs = [], False, False
    for before, line in itertools.pairwise(["", *text.splitlines()]):
        if item.match(line):
            if before.strip() and (paragraphs or not in_list):
                found.append(line)
            in_list, paragraphs = True, False
        elif line.startswith("  "):
            paragraphs = paragraphs or not before.strip()
        elif line.strip():
            in_list = paragraphs = False
    return found


@pytest.mark.parametrize("uri", SITE)
def test_lists_are_lists(uri):
    assert [line for text in HOOK.texts((ROOT / SITE[uri]).read_text())[::2] for line in crowded(text)] == []


def test_lists_without_an_empty_line_are_found():
    assert crowded("a\n\n1. b\n   c\n2. d\n\ne") == []
    assert crowded("a\n1. b") == ["1. b"]
    assert crowded("a\n\n1. b\n\n    c\n2. d") == ["2. d"]


def test_links_turn_into_links_of_the_site():
    text = "[a](docs/devices.md#ssh) [`b`](CONTRIBUTING.md) [c](https://host/docs/devices.md) [d](#here)"
    turned, problems = HOOK.turn_links(text, "README.md", "index.md")
    assert turned == "[a](devices.md#ssh) [`b`](contributing.md) [c](https://host/docs/devices.md) [d](#here)"
    assert problems == []
    assert HOOK.turn_links("[a\nb](../README.md)", "docs/api/x.md", "api/x.md")[0] == "[a\nb](../README.md)"
    assert HOOK.turn_links("[a\nb](../../README.md)", "docs/api/x.md", "api/x.md")[0] == "[a\nb](../index.md)"


def test_links_to_files_that_are_no_pages_turn_into_their_paths():
    text = "[`spec/metric.py`](edge_export/spec/metric.py), [the vectors](tests/vectors)"
    turned, problems = HOOK.turn_links(text, "README.md", "index.md")
    assert turned == "`edge_export/spec/metric.py`, the vectors (`tests/vectors`)"
    assert problems == []


def test_pictures_come_with_the_page():
    tag = '<img src="{}" width="260" alt="A song">'
    turned, problems = HOOK.turn_links(tag.format("pictures/song.png"), "android_demo/README.md", "android_demo.md")
    assert turned == tag.format("android_demo/pictures/song.png")
    assert problems == []
    assert "android_demo/pictures/song.png" in HOOK.pictures()
    assert HOOK.turn_links(tag.format("pictures/none.png"), "android_demo/README.md", "android_demo.md")[1] != []


def test_a_link_to_a_file_that_does_not_exist_is_a_problem():
    turned, problems = HOOK.turn_links("[a](docs/nowhere.md)", "README.md", "index.md")
    assert problems == ["docs/nowhere.md leads to docs/nowhere.md, which does not exist"]
    assert turned == "[a](docs/nowhere.md)"


def test_code_keeps_its_brackets():
    text = "see\n\n```python\ncall[f](x)\n```\n\nand [a](docs/models.md)\n"
    turned, _ = HOOK.turn_links(text, "README.md", "index.md")
    assert turned == text.replace("docs/models.md", "models.md")


def test_options_stay_whole():
    html = "<p><code>bench --max-macs 4M</code></p><pre><span></span><code>bench --max-macs</code></pre>"
    kept = HOOK.on_page_content(html, None, None, None)
    assert kept == html.replace("--max-macs 4M", '<span class="option">--max-macs</span> 4M')


def test_the_page_of_rules_is_that_of_the_table() -> None:
    assert (ROOT / "docs" / "rules.md").read_text() == load("rules_page").page(), "run python -m tools.rules_page"
