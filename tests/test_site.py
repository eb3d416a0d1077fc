"""The check of the documentation site sees what it is there to see."""

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "docs" / "check_site.py"
GOOD = """\
<!doctype html><html><head><link rel="stylesheet" href="a.css"></head><body id="top">
<a href="#top">up</a> <a href="other.html#here">over</a> <a href="https://example.org/">out</a>
<img src="p.svg" alt="a picture"> <div class="cell tag_raises-exception"></div>
<div class="output traceback"></div></body></html>
"""


@pytest.fixture(scope="module")
def check_site():
    spec = importlib.util.spec_from_file_location("check_site", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def site(tmp_path):
    (tmp_path / "index.html").write_text(GOOD)
    (tmp_path / "other.html").write_text("<h1 id='here'></h1>")
    (tmp_path / "a.css").write_text("body { background: url(data:image/png;base64,AA==) }")
    return tmp_path


def test_a_site_without_fault(check_site, site):
    assert list(check_site.faults(site)) == []


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ("#top", "#bottom", "the link #bottom leads nowhere: no place bottom"),
        ("other.html#here", "none.html", "the link none.html leads nowhere: no file none.html"),
        ("other.html#here", "other.html#x", "other.html#x leads nowhere: no place x"),
        ('href="a.css"', 'href="https://e.org/a.css"', "loads https://e.org/a.css"),
        ('src="p.svg"', 'src="//e.org/p.svg"', "loads //e.org/p.svg"),
        ("<body", "<script src='http://e.org/x.js'></script><body", "loads http://e.org/x.js"),
        ("</head>", "<style>@import 'https://e.org/y';</style></head>", "loads https://e.org/y"),
        ('alt="a picture"', "", "no words for the picture p.svg"),
        ('alt="a picture"', 'alt="p.svg"', "no words for the picture p.svg"),
        ("traceback", "stream", "1 programs should fail, 0 did"),
    ],
)
def test_a_fault_in_a_page(check_site, site, was, becomes, words):
    (site / "index.html").write_text(GOOD.replace(was, becomes))
    (found,) = check_site.faults(site)
    assert found.startswith("index.html: ")
    assert words in found


def test_a_fault_in_a_style_sheet(check_site, site):
    (site / "a.css").write_text("@font-face { src: url('https://e.org/font.woff2') }")
    assert list(check_site.faults(site)) == ["a.css: loads https://e.org/font.woff2"]
