"""Twilio's own OpenAPI documents, as in npm's @twilio/cli-core, and how much of them the rehearsal models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.rehearsal.http.operations import Operation

# Only the tests depend on this package; `make documents` installs it.
PUBLISHED = Path(__file__).parents[2] / "tests/contract/node_modules/@twilio/cli-core/src/services/twilio-api"
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
        """Host, method and path without the names of its variables, which may differ from the rehearsal's."""
        return operation_key(self.host, self.method, self.path)


def operation_key(host: str, method: str, path: str) -> tuple[str, str, str]:
    """The key by which descriptions of the same operation are equal."""
    return host, method, re.sub(r"\{\w+\}", "{}", path)


def read_documents(folder: Path = PUBLISHED) -> dict[str, Any]:
    """The documents by product name, such as serverless_v1; raises InputError if there are none."""
    files = sorted(folder.glob("twilio_*.json"))
    if not files:
        raise InputError(
            Fault(str(folder), "holds none of Twilio's OpenAPI documents", "install them with: make documents")
        )
    return {file.stem.removeprefix("twilio_"): orjson.loads(file.read_bytes()) for file in files}


def list_operations(product: str, document: dict[str, Any]) -> list[DocumentedOperation]:
    """All operations of one document, in order."""
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


@dataclass(frozen=True, slots=True)
class Product:
    """The operations of one document that are modelled, and those that are refused with a 501."""

    name: str
    modelled: tuple[DocumentedOperation, ...]
    refused: tuple[DocumentedOperation, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The products of which the rehearsal models anything; `undocumented` are its operations in no document."""

    products: tuple[Product, ...]
    undocumented: tuple[Operation, ...]

    @property
    def modelled(self) -> int:
        """The number of documented operations that are modelled."""
        return sum(len(product.modelled) for product in self.products)

    @property
    def documented(self) -> int:
        """The number of operations of these products."""
        return self.modelled + sum(len(product.refused) for product in self.products)


def compare_coverage(documented: Iterable[DocumentedOperation], operations: Iterable[Operation]) -> Coverage:
    """Compare the documented operations with the modelled ones, for each product with a modelled operation."""
    modelled = {operation_key(one.host, one.method, one.path): one for one in operations}
    by_product: dict[str, list[DocumentedOperation]] = {}
    for operation in documented:
        by_product.setdefault(operation.product, []).append(operation)
    products = tuple(
        Product(
            name,
            tuple(one for one in them if one.key in modelled),
            tuple(one for one in them if one.key not in modelled),
        )
        for name, them in sorted(by_product.items())
        if any(one.key in modelled for one in them)
    )
    known = {one.key for product in products for one in product.modelled}
    return Coverage(products, tuple(operation for key, operation in modelled.items() if key not in known))


def coverage_lines(coverage: Coverage) -> Iterator[str]:
    """The coverage as lines of text: a heading for each product, its operations, and the sum at the end."""
    for product in coverage.products:
        count = len(product.modelled) + len(product.refused)
        yield f"{product.name}: {len(product.modelled)} of {count} operations are modelled"
        for word, operations in (("modelled", product.modelled), ("refused", product.refused)):
            for one in operations:
                yield f"  {word:<9} {one.method:<6} {one.host}{one.path}  {one.operation_id}"
        yield ""
    if coverage.undocumented:
        yield "Modelled, though no document of Twilio's has it"
        for operation in coverage.undocumented:
            yield f"  modelled  {operation.method:<6} {operation.host}{operation.path}"
        yield ""
    yield (
        f"{coverage.modelled} of {coverage.documented} operations in {len(coverage.products)} products are modelled; "
        "each of the others is refused with a 501 that names it"
    )
