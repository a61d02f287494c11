"""Every type of resource that these runbooks make, in the order in which resources come to be.

To add one, write its module beside these and list its type here: plans, their order and pages, the schema of a plan,
applies and records have it from its `ResourceType`.
"""

from __future__ import annotations

from dialtone_nb.infrastructure.resources.account_secrets import ACCOUNT_TOKEN, API_KEY, NEXT_TRUNK_PASSWORD
from dialtone_nb.infrastructure.resources.addresses import ADDRESS
from dialtone_nb.infrastructure.resources.builds import BUILD
from dialtone_nb.infrastructure.resources.credential_lists import CREDENTIAL_LIST
from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.infrastructure.resources.deployments import DEPLOYMENT
from dialtone_nb.infrastructure.resources.environments import ENVIRONMENT
from dialtone_nb.infrastructure.resources.fences import DIALLING_PERMISSIONS, SPEND_ALARM
from dialtone_nb.infrastructure.resources.functions import FUNCTION, FUNCTION_VERSION
from dialtone_nb.infrastructure.resources.model import ResourceType
from dialtone_nb.infrastructure.resources.phone_numbers import PHONE_NUMBER
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE
from dialtone_nb.infrastructure.resources.services import SERVICE
from dialtone_nb.infrastructure.resources.sip_domains import CALLS_MAPPING, REGISTRATIONS_MAPPING, SIP_DOMAIN
from dialtone_nb.infrastructure.resources.variables import VARIABLE

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    SERVICE,
    ENVIRONMENT,
    FUNCTION,
    FUNCTION_VERSION,
    BUILD,
    DEPLOYMENT,
    VARIABLE,
    SERVED_TABLE,
    CREDENTIAL_LIST,
    SIP_DOMAIN,
    CALLS_MAPPING,
    REGISTRATIONS_MAPPING,
    ADDRESS,
    PHONE_NUMBER,
    CREDENTIAL,
    DIALLING_PERMISSIONS,
    SPEND_ALARM,
    NEXT_TRUNK_PASSWORD,
    ACCOUNT_TOKEN,
    API_KEY,
)


def rank(kind: ResourceType) -> int:
    """The place of a type in the order in which resources come to be."""
    return RESOURCE_TYPES.index(kind)
