"""The page, read back by other programs: an archive can keep it, a screen reader can read it, a scanner can read its code."""

import io
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from dunwell.outreach.channel import Message
from dunwell.outreach.letter import LetterSettings, LetterUnprintable, letter_pdf
from dunwell.outreach.letter.page import typeset

MM = 72 / 25.4
INCH = 72.0


def said(pdf: bytes) -> str:
    """The text of all pages, blanks left out."""
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return "".join(unicodedata.normalize("NFKC", text).split())


def bare(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def seen_through(pdf: bytes, left: float, right: float, top: float, bottom: float) -> str:
    """What of the first page begins within a window, given in points from the left and the top of the sheet."""
    page = PdfReader(io.BytesIO(pdf)).pages[0]
    height = float(page.mediabox.height)
    found: list[str] = []

    def visit(text: str, _cm: list[float], tm: list[float], *_: object) -> None:
        x, y = tm[4] * _cm[0] + _cm[4], height - (tm[5] * _cm[3] + _cm[5])
        if text.strip() and left <= x <= right and top <= y <= bottom:
            found.append(text)

    page.extract_text(visitor_text=visit)
    return bare("".join(found))


def test_it_is_a_pdf_for_archives_and_for_screen_readers(
    letter: Callable[..., Message], settings: LetterSettings
) -> None:
    page = letter_pdf(letter(), settings)
    reader = PdfReader(io.BytesIO(page.pdf))
    assert page.page_count == len(reader.pages) == 1
    root: Any = reader.root_object
    xmp = root["/Metadata"].get_object().get_data().decode()
    assert re.search(r"<pdfaid:part>2</pdfaid:part>", xmp)
    assert re.search(r"<pdfaid:conformance>A</pdfaid:conformance>", xmp)
    assert re.search(r"<pdfuaid:part>1</pdfuaid:part>", xmp)
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert reader.metadata is not None
    assert reader.metadata.title == "Your account ending 4821"


def test_every_font_is_within_the_file(chinese_letter: Message, settings: LetterSettings) -> None:
    page = PdfReader(io.BytesIO(letter_pdf(chinese_letter, settings).pdf)).pages[0]
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]  # type: ignore[index]
    assert len(fonts) >= 2
    for font in fonts:
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert {"/FontFile2", "/FontFile3"} & set(descriptor)


def test_it_says_everything_in_english(letter: Callable[..., Message], settings: LetterSettings) -> None:
    text = said(letter_pdf(letter(), settings).pdf)
    for line in (
        "Dear Mary Constable,",
        "Amount overdue",
        "£1,234.50",
        "If you disagree",
        "Send papers, if you have any.",
    ):
        assert bare(line) in text
    for line in (
        "27 Canal Street",
        "24 November 2026",
        "This is not my debt.",
        "12 Harbour Road",
        "Page 1 of 1",
    ):
        assert bare(line) in text


def test_it_says_everything_in_chinese(chinese_letter: Message, settings: LetterSettings) -> None:
    pdf = letter_pdf(chinese_letter, settings).pdf
    text = said(pdf)
    for line in (
        "尊敬的欧阳文静：",
        "逾期金额",
        "¥1,234.50",
        "您有权提出异议。",
        "世纪大道100号",
        "2026年11月24日",
        "关于您尾号4821的账户",
    ):
        assert bare(line) in text
    root: Any = PdfReader(io.BytesIO(pdf)).root_object
    assert root["/Lang"] == "zh-CN"


def test_the_same_message_gives_the_same_bytes(
    letter: Callable[..., Message], settings: LetterSettings
) -> None:
    assert letter_pdf(letter(), settings).pdf == letter_pdf(letter(), settings).pdf


def test_a_long_letter_has_more_pages_and_counts_them(
    letter: Callable[..., Message], settings: LetterSettings
) -> None:
    page = letter_pdf(letter(text=(letter().text + "\n\n") * 6), settings)
    assert page.page_count == len(PdfReader(io.BytesIO(page.pdf)).pages) > 2
    assert bare(f"Page 2 of {page.page_count}") in said(page.pdf)


@pytest.mark.parametrize("envelope", ["din5008", "us10"])
def test_the_code_on_the_page_reads_as_the_message_id(
    letter: Callable[..., Message], settings: LetterSettings, envelope: str
) -> None:
    message = letter("a-rather-long-message-id-0123456789a")
    picture = typeset(message, replace(settings, envelope=envelope), "png")[0]  # type: ignore[arg-type]
    codes = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("L"))
    assert [code.text for code in codes] == [message.message_id]
    height = Image.open(io.BytesIO(picture)).height
    assert min(codes[0].position.top_left.y, codes[0].position.top_right.y) > 0.85 * height


def test_a_dl_window_shows_the_address_and_nothing_else(
    letter: Callable[..., Message], settings: LetterSettings
) -> None:
    """DIN 5008 form B, DIN 680: wherever the sheet slides to in the envelope (10 mm across, 5 mm down)."""
    pdf = letter_pdf(
        letter(to="Mary Constable\nFlat 3\n27 Canal Street\nOuthouse\nLeeds\nLS2 7XY"), settings
    ).pdf
    whole = bare("P.O. Box 77, Leeds LS1 4APMary ConstableFlat 327 Canal StreetOuthouseLeedsLS2 7XY")
    assert seen_through(pdf, 10 * MM, 110 * MM, 45 * MM, 95 * MM) == whole
    assert seen_through(pdf, 20 * MM, 100 * MM, 50 * MM, 90 * MM) == whole


def test_a_number_ten_window_shows_the_address_and_nothing_else(
    letter: Callable[..., Message], settings: LetterSettings
) -> None:
    """A window of 4.5 by 1.125 in, 0.875 in from the left and 0.5 in from the bottom of 9.5 by 4.125 in."""
    sheet = replace(settings, envelope="us10", country="US")
    message = letter(
        to="A. Martinez\nc/o Lee\n2323 Park Street\nApt 342\nBethesda, MD 20815", headers={"Country": "US"}
    )
    pdf = letter_pdf(message, sheet).pdf
    whole = bare("A. Martinezc/o Lee2323 Park StreetApt 342Bethesda, MD 20815")
    for across in (0.0, 1.0):
        for down in (0.0, 0.458):
            left, top = 0.875 - across, 2.5 - down
            seen = seen_through(pdf, left * INCH, (left + 4.5) * INCH, top * INCH, (top + 1.125) * INCH)
            assert seen == whole, (across, down)


@pytest.mark.parametrize("envelope", ["din5008", "us10"])
@pytest.mark.parametrize("line", ["W" * 50, "欧" * 25])
def test_a_wide_line_is_set_smaller_and_stays_one_line(
    letter: Callable[..., Message], settings: LetterSettings, envelope: str, line: str
) -> None:
    sheet = replace(settings, envelope=envelope)  # type: ignore[arg-type]
    pdf = letter_pdf(letter(to=f"A\n{line}\n{line}\nB\nC"), sheet).pdf
    page = PdfReader(io.BytesIO(pdf)).pages[0]
    sizes: list[float] = []

    def visit(text: str, cm: list[float], tm: list[float], _font: object, size: float) -> None:
        if line in text:  # in one piece: not broken
            sizes.append(abs(size * tm[0] * cm[0]))

    page.extract_text(visitor_text=visit)
    assert bare(f"A{line}{line}BC") in said(pdf)
    assert len(sizes) == 2
    assert all(4 < size < 11 for size in sizes)


def test_a_letter_abroad_names_the_country(letter: Callable[..., Message], settings: LetterSettings) -> None:
    message = letter(to="Erika Muster\nHauptstr. 1\n10115 Berlin", headers={"Country": "DE"})
    assert "10115BerlinGERMANY" in said(letter_pdf(message, settings).pdf)


def test_a_missing_font_is_told_with_its_mend(
    chinese_letter: Message, letter: Callable[..., Message], settings: LetterSettings
) -> None:
    without = replace(settings, font_folders=())
    assert letter_pdf(letter(), without).page_count == 1
    with pytest.raises(LetterUnprintable, match="Install fonts-wqy-microhei") as error:
        letter_pdf(chinese_letter, without)
    assert not error.value.is_for_good


@pytest.mark.parametrize(
    "changed",
    [
        {"text": "A face 😀 that no font here has"},
        {"to": "only one line"},
        {"to": "a\nb\nc\nd\ne\nf\ng"},
        {"to": "a\n\nb"},
        {"to": "a\n" + "b" * 51},
        {"to": "a\nb\x07"},
        {"to": "a\nb\nc\nd\ne\nf", "headers": {"Country": "FR"}},
        {"headers": {"Country": "Britain"}},
        {"headers": {"Date": "tomorrow"}},
        {"headers": {"Postal-Class": "First Class"}},
        {"language": "fr"},
    ],
)
def test_what_cannot_be_printed_is_refused_in_words_that_quote_nothing(
    letter: Callable[..., Message], settings: LetterSettings, changed: dict[str, object]
) -> None:
    with pytest.raises(LetterUnprintable) as error:
        letter_pdf(letter(**changed), settings)
    assert error.value.is_for_good
    assert "face" not in str(error.value)


def test_an_id_that_could_name_another_file_is_refused(
    letter: Callable[..., Message], settings: LetterSettings
) -> None:
    for message_id in ("../evil", "", "x" * 37, "a b"):
        with pytest.raises(LetterUnprintable):
            letter_pdf(letter(message_id), settings)


def test_the_seal_is_set_where_there_is_one(
    letter: Callable[..., Message], settings: LetterSettings, tmp_path: Path
) -> None:
    seal = tmp_path / "seal.svg"
    seal.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4" cy="4" r="4" fill="#c00"/></svg>'
    )
    picture = Image.open(io.BytesIO(typeset(letter(), replace(settings, seal=seal), "png")[0])).convert("RGB")
    reds = sum(count for count, colour in picture.getcolors(1 << 24) or [] if colour == (204, 0, 0))
    assert reds > 1000
    assert letter_pdf(letter(), replace(settings, seal=seal)).page_count == 1


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(alphabet="#*_$`<>@[]{}\\\"'/-~=+.:&%^|aB3", min_size=1, max_size=30).filter(str.strip),
    words=st.text(alphabet="#*_$`<>@[]{}\\\"'/-~=+.:&%^|\nxY7 ", min_size=1, max_size=120).filter(str.strip),
)
def test_nothing_in_a_name_or_a_text_is_read_as_markup(
    letter: Callable[..., Message], settings: LetterSettings, name: str, words: str
) -> None:
    message = letter(to=f"{name}\nLeeds", text=f"Dear {name},\n\n{words}\n\nKind regards,\nus", subject=name)
    text = said(letter_pdf(message, settings).pdf)
    assert bare(f"Dear {name},") in text
    assert bare(name + "Leeds") in text
    letters = [letter_of for letter_of in bare(words) if letter_of in "xY7"]
    rest = iter(text[text.index(bare(f"Dear {name},")) :])
    assert all(letter_of in rest for letter_of in letters)
