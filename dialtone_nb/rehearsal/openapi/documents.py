"""Twilio's own OpenAPI documents, as npm's @twilio/cli-core carries them: which operations there are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from dialtone_nb.errors import Fault, InputError

# A dependency of the tests alone, installed by `make test`.
PUBLISHED = Path(__file__).parents[3] / "tests/contract/node_modules/@twilio/cli-core/src/services/twilio-api"
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class DocumentedOperation:
    """One operation of a document; `product` is the document's name, such as serverless_v1."""

    product: str
    host: str
    method: str
    path: str
    operation_id: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Host, method and shape of the path: documents and rehearsal may name a path's variables differently."""
        return operation_key(self.host, self.method, self.path)


def operation_key(host: str, method: str, path: str) -> tuple[str, str, str]:
    """What makes two descriptions the same operation."""
    return host, method, re.sub(r"\{\w+\}", "{}", path)


def read_documents(folder: Path = PUBLISHED) -> dict[str, Any]:
    """Each product's document by its name, such as serverless_v1; an InputError where there are none."""
    files = sorted(folder.glob("twilio_*.json"))
    if not files:
        raise InputError(
            Fault(str(folder), "holds none of Twilio's OpenAPI documents", "install them with: make documents")
        )
    return {file.stem.removeprefix("twilio_"): orjson.loads(file.read_bytes()) for file in files}


def list_operations(product: str, document: dict[str, Any]) -> list[DocumentedOperation]:
    """Every operation of one document, in the document's order."""
    return [
        DocumentedOperation(
            product,
            (item.get("servers") or document["servers"])[0]["url"].removeprefix("https://"),
            method.upper(),
            path,
            item[method]["operationId"],
        )
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]
