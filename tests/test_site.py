"""`make site`: pages that need nothing else; links lead somewhere, formulas are drawn."""

import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from bs4 import BeautifulSoup

from course_utils.engine.exercise import lesson_ids
from grader import site
from grader.build import build_notebook
from grader.site import SLIDER, WIDGET, main, mathml, without_widgets, write_site

FORMULA = re.compile(r"\$[^$\n]*[\\^_][^$\n]*\$|\\\(|\\begin\{")
SIZES = "all => all.map(m => m.getBoundingClientRect()).map(r => [r.width, r.height])"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Every lesson as a page, from notebooks that did not run: links and formulas are the same."""
    root = tmp_path_factory.mktemp("site")
    for lesson in lesson_ids():
        notebook = build_notebook(lesson, "solution")
        (root / "notebooks").mkdir(exist_ok=True)
        nbformat.write(notebook, root / "notebooks" / f"{lesson}.ipynb")
    paths = write_site(lesson_ids(), root / "site", root / "notebooks")
    return {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in paths}


def targets(soup) -> list[str]:
    return [tag[name] for name in ("href", "src") for tag in soup.find_all(attrs={name: True})]


def test_every_lesson_has_a_page_and_the_index_leads_to_it(pages):
    index = next(soup for path, soup in pages.items() if path.name == "index.html")
    assert [a["href"] for a in index.find_all("a")] == [f"{name}.html" for name in lesson_ids()]


def test_every_link_leads_somewhere(pages):
    for path, soup in pages.items():
        ids = {tag["id"] for tag in soup.find_all(id=True)}
        for target in targets(soup):
            if target.startswith(("https://", "data:")):
                continue
            file, _, anchor = target.partition("#")
            assert not file or (path.parent / unquote(file)).is_file(), (path.name, target)
            assert file or {anchor, unquote(anchor)} & ids, (path.name, target)


def test_no_page_loads_anything_or_runs_a_script(pages):
    for path, soup in pages.items():
        assert not soup.find_all("script"), path.name
        loaded = [tag["src"] for tag in soup.find_all(src=True)]
        loaded += [tag["href"] for tag in soup.find_all("link", href=True)]
        assert all(target.startswith("data:") for target in loaded), path.name
        styles = "".join(tag.get_text() for tag in soup.find_all("style"))
        assert not re.search(r"@import|url\(\s*['\"]?(?:https?:)?//", styles), path.name


def test_no_formula_is_left_as_text(pages):
    for path, soup in pages.items():
        for tag in soup.find_all(["pre", "code", "math", "style"]):
            tag.decompose()
        text = soup.get_text()
        assert not FORMULA.search(text), (path.name, FORMULA.search(text))


def test_every_picture_has_words_for_those_who_do_not_see_it(pages):
    for soup in pages.values():
        for image in soup.find_all("img"):
            assert len(image["alt"]) > 10 and "No description" not in image["alt"]


def test_a_notebook_that_ran_before_the_lesson_changed_is_not_shown(tmp_path, monkeypatch):
    old = build_notebook("01_pytorch", "solution")
    old.cells[0].source = "as it was"
    nbformat.write(old, tmp_path / "01_pytorch.ipynb")
    new = build_notebook("01_pytorch", "solution")
    monkeypatch.setattr(site, "run", lambda lesson, folder: new)
    assert site.solution("01_pytorch", tmp_path) is new
    kept = nbformat.read(tmp_path / "01_pytorch.ipynb", as_version=4)
    assert kept.cells[0].source == new.cells[0].source


def test_a_formula_keeps_its_source_and_says_how_it_stands():
    shown = mathml(r"\bar\alpha_t < 1", "block")
    assert 'display="block"' in shown and r'title="\bar\alpha_t &lt; 1"' in shown


def test_sliders_become_a_sentence_and_finished_progress_bars_nothing():
    outputs = [
        nbformat.v4.new_output("display_data", {WIDGET: {}, "text/plain": text})
        for text in ("interactive(...)", "training: 100%|####| 3/3")
    ]
    cell = nbformat.v4.new_code_cell("x", outputs=outputs)
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {}})
    still = without_widgets(notebook)
    assert [output.text for output in still.cells[0].outputs] == [SLIDER]
    assert "widgets" not in still.metadata and len(notebook.cells[0].outputs) == 2


@pytest.mark.slow
def test_a_lesson_that_runs_is_shown_with_its_outputs_and_kept_for_the_next_time(tmp_path, capsys):
    arguments = ["01_pytorch", "--to", str(tmp_path / "site"), "--notebooks", str(tmp_path / "n")]
    assert main(arguments) == 0
    page = tmp_path / "site" / "01_pytorch.html"
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    assert len(soup.find_all("img", alt=True)) >= 10
    assert "gate: passed" in soup.get_text()
    assert "gate: passed" in (tmp_path / "site" / "index.html").read_text()
    kept = Path(tmp_path / "n" / "01_pytorch.ipynb")
    before, first = kept.stat().st_mtime_ns, page.read_bytes()
    assert main(arguments) == 0
    assert kept.stat().st_mtime_ns == before and page.read_bytes() == first


@pytest.mark.slow
@pytest.mark.browser
def test_formulas_are_drawn_with_the_network_off(pages):
    import browser

    if not browser.CHROMIUM.exists():
        pytest.skip("no browser")
    path = next(path for path in pages if path.name == "04_ddpm.html")
    with browser.sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(browser.CHROMIUM), args=browser.OFFLINE
        )
        context = chromium.new_context(offline=True, viewport={"width": 1300, "height": 850})
        page, asked = context.new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        sizes = page.locator("math").evaluate_all(SIZES)
        assert len(sizes) > 50 and all(width > 3 and height > 5 for width, height in sizes)
        assert asked == [path.as_uri()]
        page.locator("math[display=block]").nth(3).scroll_into_view_if_needed()
        browser.picture(page, "site-formulas")
        chromium.close()
