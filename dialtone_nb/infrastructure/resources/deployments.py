"""Deployments: which build an environment answers with."""

from __future__ import annotations

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.resources.apply_context import Work
from dialtone_nb.infrastructure.resources.environments import find_environment
from dialtone_nb.infrastructure.resources.model import Item, Kind


def list_deployments(account: Account, service_sid: str, environment_sid: str) -> list[tuple[str, str]]:
    """Deployment and build SID of each deployment of an environment, newest first."""
    environment = account.client.serverless.v1.services(service_sid).environments(environment_sid)
    # Dates are whole seconds; within one the order of the list stays, which is newest first.
    deployments = sorted(environment.deployments.list(), key=lambda one: one.date_created, reverse=True)
    return [(one.sid, one.build_sid or "") for one in deployments]


def create_deployment(work: Work, item: Item) -> Item:
    """The deployment, made: the build is live."""
    sid = work.sid(Kind.BUILD, str(item.fields["code"]))
    made = _deployments(work, item).create(build_sid=sid)
    return Item(item.kind, item.key, item.fields, made.sid)


def delete_deployment(work: Work, item: Item) -> None:
    """Take the live build down, by a deployment without a build; a build can't be deleted before."""
    _deployments(work, item).create()


def find_deployment(work: Work, item: Item) -> Item | None:
    """The deployment, where the environment's live build is the wanted one."""
    environment = find_environment(work, Item(Kind.ENVIRONMENT, item.key))
    build = work.state.find(Kind.BUILD, str(item.fields.get("code", "")))
    live = environment.given["build_sid"] if environment else ""
    if not live or (build and build.sid != live):
        return None
    return Item(item.kind, item.key, item.fields, str(live))


def _deployments(work: Work, item: Item):  # type: ignore[no-untyped-def]
    environment = work.sid(Kind.ENVIRONMENT, item.key)
    return work.account.client.serverless.v1.services(work.service_sid).environments(environment).deployments
