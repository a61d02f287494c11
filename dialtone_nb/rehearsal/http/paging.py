"""Pages of lists in Twilio's two formats: relative URIs (2010-04-01) and absolute URLs in `meta` (v1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.parameters import integer
from dialtone_nb.rehearsal.state.store import Tables, Thing

DEFAULT_SIZE = 50
LARGEST_SIZE = 1000
# A page token has the key of the item that the page follows ("PA", after) or precedes ("PB", before).
AFTER, BEFORE = "PA", "PB"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The page that a request asks for."""

    number: int
    size: int
    after: str = ""
    before: str = ""


def read_page_request(request: ApiRequest) -> PageRequest:
    """The page that a request asks for; raises Refusal for a size or token that Twilio would refuse."""
    query = dict(request.query)
    number, size = (
        _whole(query.get(name, str(usual)), name) for name, usual in (("Page", 0), ("PageSize", DEFAULT_SIZE))
    )
    if size > LARGEST_SIZE:
        raise Refusal(20007, f"Page size too large, the maximum is {LARGEST_SIZE}")
    token = query.get("PageToken", "")
    if (token and token[:2] not in {AFTER, BEFORE}) or (number > 0 and not token):
        raise stale_token()
    return PageRequest(
        number,
        max(size, 1),
        after=token[2:] if token.startswith(AFTER) else "",
        before=token[2:] if token.startswith(BEFORE) else "",
    )


def stale_token() -> Refusal:
    """The refusal of a page token whose item does not exist."""
    return Refusal(21481, "Invalid PageToken")


def _whole(text: str, name: str) -> int:
    try:
        return integer(text)
    except ValueError as error:
        raise Refusal(20001, f"{name} {error}") from None


def cut_page(items: Sequence[Any], asked: PageRequest, key: Callable[[Any], str]) -> tuple[Sequence[Any], bool, bool]:
    """The items of the page, whether any come before it, and whether any come after it."""
    start = 0
    if asked.after or asked.before:
        places = {key(item): place for place, item in enumerate(items)}
        if (asked.after or asked.before) not in places:
            raise stale_token()
        start = places[asked.after] + 1 if asked.after else max(places[asked.before] - asked.size, 0)
    page = items[start : start + asked.size]
    return page, start > 0, start + asked.size < len(items)


def page_response(
    request: ApiRequest,
    name: str,
    page: Sequence[Any],
    body: Callable[[Any], Any],
    key: Callable[[Any], str],
    *,
    has_earlier: bool,
    has_later: bool,
) -> ApiResponse:
    """A response with a page of items under the list's name, and with the addresses of the pages around it."""
    asked, bodies = read_page_request(request), [body(item) for item in page]
    filters = [(key, value) for key, value in request.query if key not in {"Page", "PageSize", "PageToken"}]

    def address(number: int, token: str) -> str:
        pairs = [*filters, ("PageSize", str(asked.size)), ("Page", str(number))]
        return f"{request.path}?{urlencode([*pairs, ('PageToken', token)] if token else pairs)}"

    first, here = address(0, ""), address(asked.number, dict(request.query).get("PageToken", ""))
    previous = address(max(asked.number - 1, 0), BEFORE + key(page[0])) if page and has_earlier else None
    following = address(asked.number + 1, AFTER + key(page[-1])) if page and has_later else None
    if request.path.startswith("/2010-04-01/"):
        start = asked.number * asked.size
        return ApiResponse(
            200,
            {
                name: bodies,
                "first_page_uri": first,
                "previous_page_uri": previous,
                "next_page_uri": following,
                "uri": here,
                "page": asked.number,
                "page_size": asked.size,
                "start": start,
                "end": start + max(len(bodies) - 1, 0),
            },
        )
    base = f"https://{request.host}"
    return ApiResponse(
        200,
        {
            name: bodies,
            "meta": {
                "key": name,
                "page": asked.number,
                "page_size": asked.size,
                "first_page_url": base + first,
                "previous_page_url": base + previous if previous else None,
                "url": base + here,
                "next_page_url": base + following if following else None,
            },
        },
    )


def list_response(
    request: ApiRequest, name: str, items: Sequence[Any], body: Callable[[Any], Any], key: Callable[[Any], str]
) -> ApiResponse:
    """The requested page of a list; `key` identifies an item in page tokens."""
    page, earlier, later = cut_page(items, read_page_request(request), key)
    return page_response(request, name, page, body, key, has_earlier=earlier, has_later=later)


def walk_response(
    request: ApiRequest,
    name: str,
    walk: Callable[[PageRequest], Iterator[Any]],
    body: Callable[[Any], Any],
    key: Callable[[Any], str],
) -> ApiResponse:
    """The requested page of a list too long to read whole; `walk` yields the items from where the page begins.

    For a page that precedes an item (`before`), `walk` yields backwards from there.
    """
    asked = read_page_request(request)
    items = list(islice(walk(asked), asked.size + 1))
    more, page = len(items) > asked.size, items[: asked.size]
    earlier, later = bool(asked.after), more
    if asked.before:
        page.reverse()
        earlier, later = more, True
    return page_response(request, name, page, body, key, has_earlier=earlier, has_later=later)


def walk_things(
    tables: Tables, kind: str, parent: str, asked: PageRequest, *, since: float, until: float
) -> Iterator[Thing]:
    """The things of a kind, parent and time from where a page begins; raises Refusal for a stale page token."""
    marker = asked.after or asked.before
    if marker and tables.get(kind, marker, parent) is None:
        raise stale_token()
    return tables.walk(kind, parent, since=since, until=until, after=asked.after, before=asked.before)
