"""Record: its duration, what ends it, its callbacks and its recordings."""

from __future__ import annotations

from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.rehearsal.network import Network


def record(network: Network, attributes: str = "") -> None:
    """Have the next calls record a message, and otherwise say that there was none."""
    network.answers(f'<Record action="/done" {attributes}/><Say>no message</Say>', done="<Say>thank you</Say>")


@pytest.mark.parametrize(
    ("attributes", "far_side", "duration", "key"),
    [
        ("", {"speaks": 12}, "12", ""),
        ('timeout="2"', {"speaks": 12}, "12", ""),
        ('maxLength="8"', {"speaks": 12}, "8", ""),
        ("", {"speaks": 12, "presses": ["#"]}, "12", "#"),
        ('finishOnKey="*"', {"speaks": 12, "presses": ["#"]}, "12", ""),
        ("", {"speaks": 600, "leaves_after": 20}, "20", "hangup"),
        ("", {"speaks": 12, "leaves_after": 14}, "12", "hangup"),
    ],
)
def test_message_is_kept_and_told(
    network: Network, attributes: str, far_side: dict[str, Any], duration: str, key: str
) -> None:
    """A message ends by silence, maxLength, a key or a hangup, and the action gets which."""
    record(network, attributes)
    told = network.dial(**far_side)
    (done,) = network.received("done")
    (kept,) = network.client.recordings.list()
    assert (done["RecordingDuration"], done["Digits"], done["RecordingSid"]) == (duration, key, kept.sid)
    assert done["RecordingUrl"].endswith(f"/Recordings/{kept.sid}")
    assert (kept.call_sid, kept.duration, kept.status) == (told["call_sid"], duration, "completed")
    assert told["heard"] == ([] if key == "hangup" else ["thank you"])


def test_silence_is_no_message(network: Network) -> None:
    """A silent message requests no action, and the next verb follows."""
    record(network)
    assert network.dial(speaks=0)["heard"] == ["no message"]
    assert (network.received("done"), network.client.recordings.list()) == ([], [])


def test_status_callback_is_told(network: Network) -> None:
    """recordingStatusCallback is requested when the recording is complete."""
    network.answers(
        '<Record action="/voice2" recordingStatusCallback="https://DOMAIN/done"/>'.replace(
            "DOMAIN", network.live.domain_name
        )
    )
    network.dial(speaks=5)
    (done,) = network.received("done")
    assert (done["RecordingStatus"], done["RecordingDuration"], done["RecordingSource"]) == (
        "completed",
        "5",
        "RecordVerb",
    )


def test_recordings_are_found_by_call_and_day_and_deleted(network: Network) -> None:
    """A recording is listed under the account and its call, by date; deleting it removes it from both."""
    record(network)
    sid = network.dial(speaks=5)["call_sid"]
    of_call, client = network.client.calls(sid).recordings, network.client
    (kept,) = of_call.list()
    day = kept.date_created.date()
    assert [one.sid for one in client.recordings.list(call_sid=sid, date_created=day)] == [kept.sid]
    assert client.recordings.list(date_created_after=day.replace(year=day.year + 1)) == []
    assert client.recordings.list(conference_sid="CF" + "0" * 32) == []
    assert (of_call(kept.sid).fetch().duration, client.recordings(kept.sid).fetch().source) == ("5", "RecordVerb")
    assert of_call(kept.sid).delete()
    with pytest.raises(TwilioRestException) as raised:
        client.recordings(kept.sid).fetch()
    assert raised.value.status == 404
