"""Usage triggers: URLs that Twilio requests when usage reaches a value. Here they are stored and never fire."""

from __future__ import annotations

from dialtone_nb.rehearsal.api.collection import API_2010, VERSION, Collection
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.parameters import Parameter, choice, matching, method, read_parameters, url
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing

RECURRING = Parameter("Recurring", choice("daily", "monthly", "yearly", "alltime"))
TRIGGER_BY = Parameter("TriggerBy", choice("count", "usage", "price"))
CHANGEABLE = (Parameter("CallbackUrl", url), Parameter("CallbackMethod", method), Parameter("FriendlyName", longest=64))
PARAMETERS = (
    Parameter("CallbackUrl", url, required=True),
    *CHANGEABLE[1:],
    Parameter("TriggerValue", matching(r"\+?[0-9]+(\.[0-9]+)?", "must be a number"), required=True),
    Parameter("UsageCategory", required=True),
    RECURRING,
    TRIGGER_BY,
)


def _fields(tables: Tables, trigger: Thing) -> Body:
    given = trigger.body
    return {
        "api_version": VERSION,
        "callback_method": given.get("callback_method", "POST"),
        "callback_url": given["callback_url"],
        "current_value": "0",
        "date_fired": None,
        "friendly_name": given.get("friendly_name"),
        "recurring": given.get("recurring"),
        "trigger_by": given.get("trigger_by", "usage"),
        "trigger_value": given["trigger_value"],
        "usage_category": given["usage_category"],
        "usage_record_uri": f"/{VERSION}/Accounts/{tables.identity.account_sid}/Usage/Records.json",
    }


TRIGGERS = Collection(API_2010, "Usage/Triggers", "usage_trigger", "UT", fields=_fields, listed_as="usage_triggers")


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The triggers that fit every filter."""
    wanted = read_parameters((RECURRING, TRIGGER_BY, Parameter("UsageCategory")), request.query)
    found = [one for one in tables.list("usage_trigger", "") if wanted.items() <= _fields(tables, one).items()]
    return TRIGGERS.page(tables, request, found)


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Create a trigger."""
    values = read_parameters(PARAMETERS, request.form)
    return TRIGGERS.show(tables, TRIGGERS.add(tables, "", values.get("friendly_name", ""), values), 201)


def update(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Change a trigger's name or callback; as at Twilio, its value, category and period can't be changed."""
    values = read_parameters(CHANGEABLE, request.form, creating=False)
    trigger = TRIGGERS.at(tables, request)
    return TRIGGERS.show(tables, tables.save(trigger, values, name=values.get("friendly_name", trigger.name)))


OPERATIONS = TRIGGERS.operations(list_=list_, create=create, update=update, delete=TRIGGERS.delete)
