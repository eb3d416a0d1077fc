"""Check the built site: `python docs/check_site.py docs/_build/html`.

Every link inside the site leads to a page and a place that are there, nothing is loaded from
another address, every picture has words for whoever cannot see it, and every program shown as
failing did fail. Then, where there is a Chromium, every page is opened in it: it must load without
an error and ask for nothing but files.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "embed": "src"}
FAILING = "tag_raises-exception"


class Page(HTMLParser):
    """What a page has: places, links, what it loads, pictures without words, its cells."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.wordless: list[str] = []
        self.failing = self.failures = 0
        text = file.read_text(encoding="utf-8")
        self.feed(text)
        for style in re.findall(r"<style.*?</style>", text, re.DOTALL):
            self.loaded += addresses(style)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag says."""
        has = {name: value or "" for name, value in attrs}
        self.places |= {has[name] for name in ("id", "name") if name in has}
        if tag == "a" and "href" in has:
            self.links.append(has["href"])
        if tag == "link" and has.get("rel") not in ("canonical", "index", "search", "next", "prev"):
            self.loaded.append(has.get("href", ""))
        if tag in LOADING and LOADING[tag] in has:
            self.loaded.append(has[LOADING[tag]])
        if tag == "img" and has.get("alt", has.get("src")) in ("", has.get("src")):
            self.wordless.append(has.get("src", ""))
        classes = has.get("class", "").split()
        self.failing += FAILING in classes
        self.failures += "traceback" in classes


def addresses(style: str) -> list[str]:
    """What a style sheet loads."""
    return re.findall(r"url\(\s*['\"]?([^'\")]+)", style) + re.findall(
        r"@import\s+['\"]([^'\"]+)", style
    )


def is_outside(address: str) -> bool:
    """Whether an address is on another machine."""
    return bool(urlsplit(address).netloc) or urlsplit(address).scheme in ("http", "https")


def faults(site: Path) -> Iterator[str]:
    """Yield what is wrong with the files of the site."""
    pages = {file.resolve(): Page(file) for file in sorted(site.rglob("*.html"))}
    for file, page in pages.items():
        name = file.relative_to(site.resolve())
        for link in page.links:
            wrong = not is_outside(link) and broken(file, link, pages)
            if wrong:
                yield f"{name}: the link {link} leads nowhere: {wrong}"
        yield from (f"{name}: loads {address}" for address in page.loaded if is_outside(address))
        yield from (f"{name}: no words for the picture {image}" for image in page.wordless)
        if page.failing != page.failures:
            yield f"{name}: {page.failing} programs should fail, {page.failures} did"
    for file in sorted(site.rglob("*.css")):
        for address in addresses(file.read_text(encoding="utf-8")):
            if is_outside(address):
                yield f"{file.relative_to(site)}: loads {address}"


def broken(file: Path, link: str, pages: dict[Path, Page]) -> str:
    """Say what is missing at the end of a link; nothing if it is there."""
    parts = urlsplit(link)
    if parts.scheme:  # mailto and the like
        return ""
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.is_file():
        return f"no file {target.name}"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
        return f"no place {parts.fragment}"
    return ""


def faults_in_browser(site: Path, chromium: str) -> Iterator[str]:
    """Open every page; yield what the browser complains of and what it asks of the network."""
    from playwright.sync_api import sync_playwright

    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on(
            "console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request", lambda r: said.append(f"asks for {r.url}") if is_outside(r.url) else None
        )
        page.on("requestfailed", lambda r: said.append(f"cannot load {r.url}") if lost(r) else None)
        for file in sorted(site.rglob("*.html")):
            page.goto(file.resolve().as_uri(), wait_until="load")
            yield from (f"{file.relative_to(site)}, in the browser: {words}" for words in said)
            said.clear()
        browser.close()


def lost(request: Any) -> bool:
    """Whether a request failed, and was not only broken off when the next page was opened."""
    return request.failure != "net::ERR_ABORTED"


def main(site: Path) -> int:
    """Print every fault; return the exit code."""
    found = list(faults(site))
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium:
        found += faults_in_browser(site, chromium)
    count = len(list(site.rglob("*.html")))
    seen = f"opened in {chromium}" if chromium else "not opened, for there is no chromium"
    print(*found, f"{count} pages, {seen}: {len(found)} faults", sep="\n")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
