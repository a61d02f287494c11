"""The same decision in Flask with Twilio's helper, the way Twilio's tutorial protects a webhook: the server's peer.

`python -m tests.benchmarks.flask_peer FOLDER PORT` runs it as the tutorial does; `flask_peer:make_peer(FOLDER)` is for
a production WSGI server.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from flask import Flask, Response, abort, request
from twilio.request_validator import RequestValidator

from dialtone_nb.dialplan.decide import decide
from dialtone_nb.dialplan.decisions import OutgoingCall
from dialtone_nb.dialplan.twiml import status_url, twiml_of
from dialtone_nb.server.folder import read_serving, read_table


def validate_twilio_request(function: Callable[[], Response]) -> Callable[[], Response]:
    """The function, for requests with Twilio's signature; 403 for others."""

    @wraps(function)
    def decorated() -> Response:
        validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])
        signature = request.headers.get("X-TWILIO-SIGNATURE", "")
        return function() if validator.validate(request.url, request.form, signature) else abort(403)

    return decorated


def make_peer(folder: str) -> Flask:
    """The application, with the table that prod serves."""
    table = read_table(Path(folder), read_serving(Path(folder), "prod").version)
    app = Flask(__name__)

    @app.route("/sip-outgoing", methods=["POST"])
    @validate_twilio_request
    def sip_outgoing() -> Response:
        decision = decide(table, OutgoingCall("prod", request.form["SipUsername"], request.form["To"]))
        url = status_url(request.host_url.rstrip("/"), "outgoing", decision)
        return Response(twiml_of(decision, url), mimetype="text/xml")

    return app


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    make_peer(sys.argv[1]).run(port=int(sys.argv[2]))
