from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from toys import COIN, STUDIES

from sims.gallery import Gallery, markdown
from sims.reproduction import reproduce


class Page(HTMLParser):
    """What a page loads from elsewhere, shows and links to."""

    def __init__(self, text):
        super().__init__()
        self.images, self.links, self.anchors, self.loads, self.words = [], [], set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if "id" in found:
            self.anchors.add(found["id"])
        if tag == "img":
            self.images.append(found)
        elif tag == "a":
            self.links.append(found["href"])
        elif tag in ("script", "link", "iframe"):
            self.loads.append(found)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sims.catalogue.studies", lambda: STUDIES)
        folder = tmp_path_factory.mktemp("gallery")
        found = reproduce(out=folder)
    return found, folder, (folder / "index.html").read_text(encoding="utf-8")


def test_nothing_is_loaded_from_elsewhere(gallery):
    _, _, text = gallery
    page = Page(text)
    assert page.loads == []
    assert all(image["src"].startswith("data:image/") for image in page.images)
    assert not re.search(r"url\((?!['\"]?data:)|@import", text)


def test_every_chart_is_there_and_has_words(gallery):
    found, _, text = gallery
    page = Page(text)
    views = [view for entry in found.entries for view in entry.item.study.views if entry.result]
    assert len(page.images) == len(views)
    assert all(image["alt"] for image in page.images)


def test_every_check_its_figure_and_where_it_came_from(gallery):
    found, _, text = gallery
    said = " ".join(" ".join(Page(text).words).split())
    for entry in found.entries:
        assert entry.item.study.title in said
        for check in entry.result.checks if entry.result else ():
            assert check.sentence in said
            assert check.detail in said
    assert "the coin broke" in said
    assert "seed 0" in said.lower()
    assert found.entries[0].result.provenance.numpy in said


def test_every_link_leads_somewhere(gallery):
    _, folder, text = gallery
    page = Page(text)
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.anchors
        elif not link.startswith("https://"):
            assert (folder / link).is_file()


def test_the_files_of_every_study_are_written(gallery):
    found, folder, _ = gallery
    suffixes = {".png", ".svg", ".csv", ".parquet", ".json"}
    for entry in found.entries:
        if entry.result is not None and entry.state == "complete":
            files = list((folder / entry.item.study.name).iterdir())
            assert {file.suffix for file in files} == suffixes
            (verdict,) = [file for file in files if file.name.endswith(".verdict.json")]
            assert json.loads(verdict.read_text())["trials"] == entry.trials
    assert (folder / "junit.xml").is_file()


def test_it_says_what_is_not_complete(tmp_path, toy_catalogue):
    reproduce(study="toys/slow", preset="paper", seconds=0.05, out=tmp_path)
    assert "Not complete:" in (tmp_path / "index.html").read_text(encoding="utf-8")
    reproduce(study="toys/whole", out=tmp_path)
    assert "Not complete:" not in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_finished_study_is_written_once(tmp_path, toy_catalogue, monkeypatch):
    written = []
    monkeypatch.setattr("sims.gallery.write", lambda result, folder: written.append(folder) or [])
    found = reproduce(study="toys/whole")
    gallery = Gallery(tmp_path)
    for _ in range(3):
        gallery.update(found, final=False)
    gallery.update(found, final=True)
    assert len(written) == 1


def test_statements_are_safe_and_formulas_become_mathml():
    html = markdown("<script>alert(1)</script> **strong** $\\alpha_1 \\le x^2$")
    assert "<script>" not in html
    assert "<strong>strong</strong>" in html
    assert "<math" in html
    assert "$" not in html


def test_every_formula_of_the_catalogue_becomes_mathml():
    from sims.catalogue import studies

    for study in studies().values():
        for text in (study.statement, study.takeaway):
            assert "$" not in markdown(text), study.name
        for equation in study.equations:
            assert "<math" in markdown(f"$${equation.latex}$$"), study.name


def test_a_title_with_markup_is_shown_as_text(tmp_path, monkeypatch):
    class Odd(type(COIN)):
        name = "toys/odd"
        title = "Is <b>this</b> & that?"

    monkeypatch.setattr("sims.catalogue.studies", lambda: {"toys/odd": Odd()})
    reproduce(study="toys/odd", out=tmp_path)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Is &lt;b&gt;this&lt;/b&gt; &amp; that?" in text
    assert "Is <b>this</b>" not in text
