"""Where events can be handed on to: a webhook, or a topic of AWS SNS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import requests

TIMEOUT_S: Final = 10.0
# A receiver that answers so will not answer otherwise the next time; whatever else fails is tried again.
_FOR_GOOD: Final = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422})


class NotDeliveredError(Exception):
    """The events did not arrive; it says why, without the address, and they are tried again."""


class RefusedForGoodError(Exception):
    """The receiver will never take these events; it says why, without the address."""


class Sink(Protocol):
    """Takes events, one JSON line each, at most `most` at a time; more than once where a delivery's end is unknown."""

    name: str
    most: int

    def send(self, lines: Sequence[bytes]) -> None:
        """Hand the events on; a `NotDeliveredError` or a `RefusedForGoodError` where they were not taken."""


class WebhookSink:
    """POSTs events as a JSON array, as the files of the public log are."""

    name = "webhook"
    most = 100

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers.update({"Content-Type": "application/json", "User-Agent": "dialtone_nb"})

    def send(self, lines: Sequence[bytes]) -> None:
        """Hand the events on in one request."""
        body = b"[" + b",".join(lines) + b"]"
        try:
            response = self._session.post(self._url, data=body, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            # Not its text: that has the URL in it.
            raise NotDeliveredError(type(error).__name__) from None
        if response.status_code in _FOR_GOOD:
            raise RefusedForGoodError(f"HTTP {response.status_code}")
        if not 200 <= response.status_code < 300:
            raise NotDeliveredError(f"HTTP {response.status_code}")


class SnsSink:
    """Publishes each event as a message of its own; AWS's credentials come from where boto3 looks for them."""

    name = "sns"
    most = 10  # what PublishBatch takes

    def __init__(self, topic_arn: str) -> None:
        # Optional: only whoever hands events to SNS needs it.
        import boto3
        from botocore.config import Config

        self._topic_arn = topic_arn
        config = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 1})
        # arn:aws:sns:<region>:<account>:<name>
        self._client: Any = boto3.client("sns", region_name=topic_arn.split(":")[3], config=config)

    def send(self, lines: Sequence[bytes]) -> None:
        """Hand the events on in one batch; those that came through when others did not come again."""
        from botocore.exceptions import BotoCoreError, ClientError

        entries = [{"Id": str(number), "Message": line.decode()} for number, line in enumerate(lines)]
        try:
            answer = self._client.publish_batch(TopicArn=self._topic_arn, PublishBatchRequestEntries=entries)
        except (BotoCoreError, ClientError) as error:
            raise NotDeliveredError(_reason(error)) from None
        failed = answer.get("Failed", [])
        if any(not one["SenderFault"] for one in failed):
            raise NotDeliveredError(str(failed[0]["Code"]))
        if failed:
            raise RefusedForGoodError(str(failed[0]["Code"]))


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if response else type(error).__name__
