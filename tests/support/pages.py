"""The dashboard in Streamlit's own test runner: a page of it, opened by a key, and what stands there."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dashboard.launch import APP
from dashboard.places import Place
from tests.support.serving import Served


def at(place: Place | None = None) -> AppTest:
    """The app as a browser opens it at ``place``, by default without a path. It stays there until it is told to go."""
    app = AppTest.from_file(str(APP), default_timeout=30)
    if place is not None:
        # A page that is a function has no file that the runner's own switch_page could name.
        app._page_hash = calc_hash(place.path)
    return app


def opened(
    patch: pytest.MonkeyPatch, served: Served, place: Place | None = None, *, key: str | None = None, **query: object
) -> AppTest:
    """The page at ``place``, by default the one without a path, signed in with ``key``, by default the operator's."""
    patch.setenv("STEPFARM_URL", served.url)
    app = at(place)
    for name, value in query.items():
        app.query_params[name] = str(value)
    app.run()
    app.text_input[0].set_value(key or served.operator_key)
    app.button[0].click().run()
    # From here on the app goes where it leads by itself.
    app._page_hash = ""
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    """All text on the page."""
    kinds = (app.markdown, app.caption, app.warning, app.error, app.info, app.success, app.title, app.code)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def links(app: AppTest) -> dict[str, str]:
    """Where each link on the page leads: path and parameters by label."""
    return {link.proto.label: f"/{link.proto.page}?{link.proto.query_string}" for link in app.get("page_link")}


def press(app: AppTest, label: str) -> AppTest:
    """The page after the button ``label`` was pressed."""
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app
