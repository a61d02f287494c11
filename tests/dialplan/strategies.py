"""Hypothesis strategies for calls: what people dial, what phones send, and what an attacker would send."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import strategies as st

from dialtone_nb.dialplan.decisions import IncomingCall, OutgoingCall

REFUSED_AREAS = (
    *("900", "976", "242", "246", "264", "268", "284", "345", "441", "473", "649", "664"),
    *("721", "758", "767", "784", "809", "829", "849", "868", "869", "876"),
    "658",
)
AREAS = (
    *REFUSED_AREAS,
    "503",
    "212",
    "416",
    "604",
    "787",
    "939",
    "340",
    "671",
    "684",
    "670",
    "800",
    "456",
    "500",
    "552",
)
PHONES = ("lobby", "library", "clinic", "makerspace", "ferry", "garden", "workbench", "van")
STRANGERS = ("", "Lobby", "lobby ", "nobody", "__proto__", "constructor", "toString", "hasOwnProperty", "+15035550103")
ENVIRONMENTS = ("stage", "prod")
HOSTS = ("dialtone-example-prod.sip.twilio.com", "example.org:5061", "192.0.2.7", "x;y", "")

digits = st.text("0123456789", max_size=16)
area_and_rest = st.tuples(st.sampled_from(AREAS), st.sampled_from(["976", "555", "011", "200", ""]), digits).map(
    "".join
)
whole_number = st.tuples(
    st.sampled_from(AREAS), st.sampled_from(["976", "555", "234"]), st.text("0123456789", min_size=4, max_size=4)
).map("".join)
with_prefix = st.tuples(
    st.sampled_from(["", "1", "+1", "+", "011", "0111", "01152", "011521", "011520", "01144", "+52", "00", "00111"]),
    st.one_of(whole_number, area_and_rest, digits),
).map("".join)
short_codes = st.sampled_from(
    [
        "911",
        "933",
        "211",
        "112",
        "0",
        "#",
        "*",
        "##",
        "#0",
        "00",
        "9911",
        "9110",
        "911#",
        "*67",
        "+911",
        "+1911",
        "011",
        "",
    ]
)
# Digits of other scripts, letters that fold to ASCII ones, line ends, what JavaScript and Python treat differently.
traps = st.text("0123456789*#+٠١٢٩९۹１９²ſKİ\n\r\u2028\u0085\0 -().,;:@<>?&%\"'\\${}[]^|aAxXnN\U0001d7d9", max_size=14)
dialled = st.one_of(with_prefix, short_codes, traps, st.text(max_size=12))


@st.composite
def sip_uris(draw: st.DrawFn) -> str:
    """A SIP URI, or something that only looks like one."""
    what = draw(dialled)
    what = draw(
        st.sampled_from(
            [what, quote(what, safe=""), quote(what), "".join(f"%{ord(c):02x}" for c in what if ord(c) < 256)]
        )
    )
    shape = draw(
        st.sampled_from(
            [
                *["sip:{}@{}"] * 6,
                *("sips:{}@{}", "SIP:{}@{};transport=tls", "sip:{};phone-context=+1@{}", '"Lobby" <sip:{}@{}>'),
                *(
                    "<sip:{}@{};user=phone>",
                    "tel:{}",
                    "{}@{}",
                    "{}",
                    "sip:{}",
                    "sip:a@{}@{}",
                    "ſip:{}@{}",
                    "sip:{}@{}\n",
                ),
                *("\nsip:{}@{}", "sip:{}:secret@{}", "sip:{}@{}?X-A=1", "sip:911@x <sip:{}@{}>", "sip:%{}@{}"),
            ]
        )
    )
    return shape.format(what, draw(st.sampled_from(HOSTS)))


DOMAINS = (
    "dialtone-example-prod.sip.twilio.com",
    "dialtone-example-nonemergency-stage.sip.twilio.com",
    "Dialtone-Example-Stage.SIP.ashburn.twilio.com",
    "dialtone-example-prod.sip.us1.twilio.com.",
)


@st.composite
def froms(draw: st.DrawFn) -> str:
    """A From of one of our phones, of a stranger, or something that only looks like one."""
    user = draw(st.one_of(st.sampled_from(PHONES), st.sampled_from(PHONES), st.sampled_from(STRANGERS), traps))
    host = draw(st.sampled_from([*DOMAINS * 4, *HOSTS]))
    shape = draw(
        st.sampled_from(
            [
                *["sip:{}@{}"] * 4,
                *("sips:{}@{}:5061", "SIP:{}@{};transport=tls", '"Lob\\"by" <sip:{}@{}>;tag=1', "Lobby<sip:{}@{}>"),
                *("sip:{}:secret@{}", "sip:%6c{}@{}", "sip:{}@{}.evil.example", "sip:{}@x{}", "sip:a@{1}@{0}"),
                *("<sip:{}@{}>, <sip:van@x>", "{}@{}", "{}", "sip:{}", "sip:{}@{}\n", "sip:{}@{}:99999999"),
            ]
        )
    )
    return draw(st.sampled_from([shape.format(user, host)] * 3 + [draw(st.text(max_size=20))]))


outgoing_calls = st.builds(
    OutgoingCall,
    environment=st.sampled_from([*ENVIRONMENTS * 4, "", "dev", "__proto__", "constructor"]),
    sip_username=st.one_of(
        st.just(""), st.sampled_from(PHONES), st.sampled_from(PHONES), st.sampled_from(STRANGERS), st.text(max_size=5)
    ),
    to=st.one_of(sip_uris(), sip_uris(), st.text(max_size=30)),
    from_=froms(),
)
our_numbers = st.integers(1, 9).map(lambda n: f"+1503555010{n}")
incoming_calls = st.builds(
    IncomingCall,
    environment=st.sampled_from([*ENVIRONMENTS * 4, "", "dev", "__proto__"]),
    to=st.one_of(our_numbers, our_numbers, st.sampled_from(STRANGERS), traps),
    from_=st.one_of(
        whole_number.map("+1{}".format),
        traps,
        st.sampled_from(["", "anonymous", "sip:a@b.example", "a" * 64, "a" * 65]),
    ),
)
calls = st.one_of(outgoing_calls, outgoing_calls, incoming_calls)
