"""Three sample applications of Twilio's, unchanged, tested by the pytest plugin.

Each is copied from its repository (TwilioDevEd/NAME) into a folder of its own name; then, where the plugin, Flask,
Flask-SQLAlchemy and Flask-Migrate are installed:

    SAMPLE_APPS=FOLDER python -m pytest -c /dev/null tests/foreign/children/sample_apps.py
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import requests

APPS = Path(os.environ["SAMPLE_APPS"])
NAMES = ("clicktocall-flask", "automated-survey-flask", "call-forwarding-flask", "ivr-phone-tree-python")
sys.path[:0] = [str(APPS / name) for name in NAMES]
OURS, CALLER = "+15035550142", "+15035550155"


@pytest.fixture
def number(twilio_rehearsal: Any, twilio_client: Any) -> Any:
    """Set an application as our number's webhook."""

    def lead(app: Any, path: Any, **options: Any) -> Any:
        url = twilio_rehearsal.serve(app)
        twilio_client.incoming_phone_numbers.create(phone_number=OURS, voice_url=url + path, **options)
        return url

    return lead


@pytest.fixture
def caller(twilio_rehearsal: Any) -> Any:
    """A caller from Oregon."""
    return twilio_rehearsal.far_side(CALLER)


# --- clicktocall-flask: whoever types their number is called ---


@pytest.fixture
def click_to_call(monkeypatch: Any, number: Any) -> Any:
    """The page that places a call, with a client of its own."""
    monkeypatch.setenv("TWILIO_CALLER_ID", OURS)
    sys.modules.pop("clicktocall.app", None)
    return number(import_module("clicktocall.app").app, "/outbound")


def test_who_types_a_number_is_called(click_to_call: Any, twilio_rehearsal: Any) -> None:
    said = requests.post(f"{click_to_call}/call", data={"phoneNumber": "+12125550155"})
    assert said.json() == {"message": "Call incoming!"}
    twilio_rehearsal.finish_calls()
    (call,) = twilio_rehearsal.calls
    assert (call.to, call.status) == ("+12125550155", "completed")
    assert call.heard[0].startswith("Thank you for contacting our sales department")


def test_what_is_no_number_is_refused(click_to_call: Any, twilio_rehearsal: Any) -> None:
    said = requests.post(f"{click_to_call}/call", data={"phoneNumber": "nobody"})
    assert (said.status_code, twilio_rehearsal.calls) == (400, [])


# --- automated-survey-flask: four questions, answered by speaking and by keys ---


@pytest.fixture
def survey(tmp_path: Any, number: Any) -> Any:
    """The survey that the application ships, in a test database."""
    package, config = import_module("automated_survey_flask"), import_module("automated_survey_flask.config")
    config.DevelopmentConfig.SQLALCHEMY_DATABASE_URI = f"sqlite:///{tmp_path}/survey.sqlite"
    if "sqlalchemy" not in package.app.extensions:
        package.prepare_app("development")
    parsers = import_module("automated_survey_flask.parsers")
    with package.app.app_context():
        package.db.drop_all()
        package.db.create_all()
        text = (APPS / "automated-survey-flask" / "survey.json").read_text()
        package.db.session.add(parsers.survey_from_json(text))
        package.db.session.commit()
    number(package.app, "/voice", voice_method="GET")
    return package.app


def test_four_questions_are_answered(survey: Any, caller: Any, twilio_client: Any) -> None:
    call = caller.calls(OURS, presses=["#", "1#", "9#", "#"], speaks=4)
    assert (call.heard[0], call.heard[-1]) == (
        "Welcome to the Flask",
        "Thank you for answering our survey. Good bye!",
    )
    with survey.app_context():
        answers = [one.content for one in import_module("automated_survey_flask.models").Answer.query.order_by("id")]
    assert (len(answers), answers[1:3]) == (4, ["1", "9"])
    assert len(twilio_client.recordings.list()) == 2


def test_who_hangs_up_early_leaves_no_recording(survey: Any, caller: Any, twilio_client: Any) -> None:
    assert caller.calls(OURS, leaves_after=5).status == "completed"
    assert twilio_client.recordings.list() == []


# --- call-forwarding-flask: a state from the number or a zip code, then both senators, one after the other ---


@pytest.fixture(scope="module")
def senators(tmp_path_factory: Any) -> Any:
    """The application's senators, and one zip code, in a test database."""
    os.environ["DATABASE_URI"] = f"sqlite:///{tmp_path_factory.mktemp('senators')}/congress.sqlite"
    package, parsers = import_module("call_forward_flask"), import_module("call_forward_flask.parsers")
    with package.app.app_context():
        package.db.create_all()
        parsers.data_from_json((APPS / "call-forwarding-flask" / "senators.json").read_text())
        parsers.zips_from_csv([(), (0, ["97201", "STANDARD", "PORTLAND", "OR"])])
    return package.app


@pytest.mark.parametrize("keys", [["1"], ["2", "97201"]], ids=["by number", "by zip code"])
def test_a_caller_gets_both_senators(senators: Any, number: Any, caller: Any, keys: Any) -> None:
    number(senators, "/callcongress/welcome")
    call = caller.calls(OURS, presses=keys)
    assert "calling from OR" in call.heard[0]
    assert [leg.status for leg in call.legs] == ["completed", "completed"]
    assert call.heard[-1].endswith("Goodbye.")


# --- ivr-phone-tree-python: written for Python 2, which the story of the call shows ---


def test_the_menu_fails_under_python_3(number: Any, caller: Any) -> None:
    number(import_module("ivr_phone_tree_python").app, "/ivr/welcome")
    call = caller.calls(OURS, presses=["2", "3"])
    assert [alert.code for alert in call.alerts] == [11200]
    assert (call.webhooks[-1].status, call.legs) == (500, [])
