import zipfile
from pathlib import Path

import docx
import httpx
import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from matcher.errors import NotFoundError
from matcher.profiles import import_files, import_page, to_texts
from matcher.records import Supplier, Text
from matcher.sources.fetch import Fetcher
from matcher.sources.sandbox import SandboxError, run_parser
from matcher.store import Store
from matcher.text import passages

pytestmark = pytest.mark.both_databases

NORWEGIAN = "Vi bygger og drifter utslippsfrie ferger på Vestlandet, og har gjort det i tjue år."
ENGLISH = "We design and build electric ferries for customers all over the world, with own crew."


def make_docx(path: Path) -> None:
    document = docx.Document()
    document.add_heading("Om oss", 1)
    document.add_paragraph(NORWEGIAN)
    document.add_heading("About us", 1)
    document.add_paragraph(ENGLISH)
    document.add_table(1, 2).rows[0].cells[
        0
    ].text = "Capacity: forty ferries a year, fully electric"
    document.save(str(path))


def make_pdf(path: Path, pages: list[list[str]]) -> None:
    writer = PdfWriter()
    font = DictionaryObject({NameObject("/Type"): NameObject("/Font"),
                             NameObject("/Subtype"): NameObject("/Type1"),
                             NameObject("/BaseFont"): NameObject("/Helvetica"),
                             NameObject("/Encoding"): NameObject("/WinAnsiEncoding")})  # fmt: skip
    for lines in pages:
        page = writer.add_blank_page(600, 800)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        stream = DecodedStreamObject()
        text = " ".join(f"({line}) Tj 0 -20 Td" for line in lines)
        stream.set_data(f"BT /F1 12 Tf 50 700 Td {text} ET".encode("cp1252"))
        page[NameObject("/Contents")] = writer._add_object(stream)
    writer.write(path)


@pytest.fixture
def supplier(store: Store) -> Supplier:
    made = Supplier(
        id="s1", name="Fjord AS", texts=(Text(lang="nb", body="Rederi."),), url="fjord.example"
    )
    store.save([made])
    return made


@pytest.mark.usefixtures("supplier")
def test_a_brochure_becomes_texts_in_the_language_of_each_section(
    store: Store, tmp_path: Path
) -> None:
    make_docx(tmp_path / "om.docx")
    (done,) = import_files(store, "s1", [tmp_path])
    assert (done.outcome, done.sections) == ("saved", 2)
    _, norwegian, english = store.supplier("s1").texts
    assert (norwegian.lang, norwegian.body) == ("nb", f"Om oss\n{NORWEGIAN}")
    assert english.lang == "en"
    assert "forty ferries" in english.body
    assert (english.source_url, len(english.retrieved)) == ("om.docx", 10)
    found = {(p.lang, p.field) for p in passages(store.supplier("s1"))}
    assert ("en", "text:2") in found
    (again,) = import_files(store, "s1", [tmp_path])
    assert again.outcome == "unchanged"


@pytest.mark.usefixtures("supplier")
def test_a_pdf_loses_its_running_heads_and_its_line_breaks(store: Store, tmp_path: Path) -> None:
    pages = [
        ["Fjord AS side 1", "Vi bygger og drifter utslippsfrie fer-", "ger på hele Vestlandet."],
        ["Fjord AS side 2", "Vi har gjort det i tjue år, og har", "femti ansatte i Bergen."],
        ["Fjord AS side 3", "Våre kunder er fylker og kommuner", "langs hele kysten."],
    ]
    make_pdf(tmp_path / "om.pdf", pages)
    (done,) = import_files(store, "s1", [tmp_path / "om.pdf"])
    assert done.outcome == "saved"
    body = store.supplier("s1").texts[1].body
    assert "utslippsfrie ferger på hele Vestlandet." in body
    assert "og har femti ansatte" in body
    assert "side" not in body


@pytest.mark.usefixtures("supplier")
def test_what_cannot_be_parsed_is_refused_with_the_reason(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 broken")
    (tmp_path / "b.docx").write_bytes(b"no zip")
    (tmp_path / "c.pdf").write_bytes(b"")
    make_pdf(tmp_path / "d.pdf", [[]])
    (tmp_path / "e.html").write_text("<html><body></body></html>")
    with zipfile.ZipFile(tmp_path / "f.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 60_000_000)
    done = list(import_files(store, "s1", [tmp_path]))
    assert [d.outcome for d in done] == ["refused"] * 6
    assert all(d.reason for d in done)
    assert "bomb" in done[5].reason
    assert len(store.supplier("s1").texts) == 1


@pytest.mark.usefixtures("supplier")
def test_checking_writes_nothing(store: Store, tmp_path: Path) -> None:
    make_docx(tmp_path / "om.docx")
    (done,) = import_files(store, "s1", [tmp_path], check=True)
    assert done.outcome == "checked"
    assert len(store.supplier("s1").texts) == 1
    with pytest.raises(NotFoundError):
        list(import_files(store, "nobody", [tmp_path]))


HTML = f"""<html><head><title>x</title></head><body><nav><a href="/">Hjem</a></nav>
<article><h1>Om oss</h1><p>{NORWEGIAN}</p><h2>In English</h2><p>{ENGLISH}</p></article>
<footer>Informasjonskapsler</footer></body></html>"""


def test_a_page_is_read_without_its_navigation(store: Store, supplier: Supplier) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/robots.txt":
            return httpx.Response(404, stream=httpx.ByteStream(b""))
        headers = {"content-type": "text/html"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(HTML.encode()))

    transport = httpx.MockTransport(answer)
    fetcher = Fetcher(resolver=lambda h, p: ["93.184.215.14"], pause=0, transport=transport)
    assert import_page(store, fetcher, supplier).outcome == "saved"
    _, norwegian, english = store.supplier("s1").texts
    assert (norwegian.lang, english.lang) == ("nb", "en")
    assert norwegian.source_url == "https://fjord.example"
    assert "Informasjonskapsler" not in norwegian.body + english.body
    assert import_page(store, fetcher, supplier).outcome == "unchanged"
    refusing = Fetcher(resolver=lambda h, p: ["127.0.0.1"], transport=transport)
    assert import_page(store, refusing, supplier).outcome == "refused"


def test_short_sections_join_the_one_before() -> None:
    sections = [{"title": "", "text": NORWEGIAN}, {"title": "Bergen", "text": "kai 7"}]
    (text,) = to_texts(sections)
    assert text.body.endswith("Bergen\nkai 7")
    assert to_texts([{"title": "x", "text": ""}]) == []


def test_a_parser_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    # A page tree of a thousand pages, each of which repeats a long stream.
    path = tmp_path / "slow.pdf"
    make_pdf(path, [["Lang tekst"] * 400] * 300)
    with pytest.raises(SandboxError, match=r"stopped|not parsed"):
        run_parser("pdf", path, seconds=1)
