"""An account with deployments to prod at given times, for reports to compare calls before and after."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from twilio.rest import Client

from dialtone_nb.account.account import Account, AccountCredentials
from dialtone_nb.account.transport import Transport
from dialtone_nb.rehearsal import start_rehearsal

HELLO = "exports.handler = (context, event, callback) => callback(null, {number});"


def deploy_at(state: Path, moments: Sequence[timedelta], until: timedelta) -> None:
    """Deploy at these times after the account's beginning, and stop its clock at `until`.

    `state.deployed.json`, beside the state file, then has the times of the deployments.
    """
    with start_rehearsal(state) as rehearsal:
        credentials = AccountCredentials(rehearsal.account_sid, rehearsal.account_sid, rehearsal.auth_token)
        transport = Transport(rehearsal.url)
        client = Client(rehearsal.account_sid, rehearsal.auth_token, http_client=transport)
        account = Account("rehearsal", credentials, transport, client)
        services = client.serverless.v1.services
        service = services.create(unique_name="dialtone", friendly_name="dialtone", include_credentials=True).sid
        environment = services(service).environments.create(unique_name="prod", domain_suffix="prod").sid
        function = services(service).functions.create(friendly_name="/hello").sid
        begun, deployed = account.now(), []
        for number, moment in enumerate(moments):
            build = _build(account, service, function, HELLO.format(number=number))
            account.wait(max((begun + moment - account.now()).total_seconds(), 0))
            made = services(service).environments(environment).deployments.create(build_sid=build)
            deployed.append(made.date_created.isoformat())
        account.wait((begun + until - account.now()).total_seconds())
        transport.session.close()
    state.with_name(f"{state.stem}.deployed.json").write_text(json.dumps(deployed))


def _build(account: Account, service: str, function: str, source: str) -> str:
    """The SID of a completed build of one function."""
    uploaded = account.transport.send(
        "POST",
        f"https://serverless-upload.twilio.com/v1/Services/{service}/Functions/{function}/Versions",
        auth=(account.credentials.username, account.credentials.password),
        data={"Path": "/hello", "Visibility": "public"},
        files={"Content": ("hello.js", source, "application/javascript")},
    )
    builds = account.client.serverless.v1.services(service).builds
    build = builds.create(function_versions=[uploaded.json()["sid"]], runtime="node22").sid
    for _ in range(50):
        if builds(build).build_status().fetch().status == "completed":
            return str(build)
        account.wait(2)
    raise AssertionError("the build was never completed")
