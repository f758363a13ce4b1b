from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from dashboard.install_steps import STEPS
from dashboard.qr import QUIET_ZONE, qr_svg

LINE = f"pip install stepfarm && stepfarm-agent enroll https://{'a' * 180}.example --code 7Q2M-K4VD-9XHA"


def test_the_longest_line_still_makes_a_picture_that_asks_nobody() -> None:
    picture = ET.fromstring(qr_svg(LINE))
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert {element.tag.rpartition("}")[2] for element in picture.iter()} <= {"svg", "path", "g"}


def test_the_code_stands_dark_on_light_with_a_quiet_zone_whatever_the_theme() -> None:
    svg = qr_svg("x")
    assert '"#fff"' in svg
    assert '"#000"' in svg
    side = 21 + 2 * QUIET_ZONE  # the smallest code has 21 modules
    assert int(ET.fromstring(svg).attrib["width"]) == 4 * side


def test_what_to_install_first_names_a_document_that_is_there() -> None:
    root = Path(__file__).parents[2]
    assert [steps.document for steps in STEPS.values() if not (root / steps.document).is_file()] == []
