"""Twilio's own OpenAPI documents, as npm's @twilio/cli-core carries them, and how much of them is rehearsed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.rehearsal.http.operations import Operation

# A dependency of the tests alone, installed by `make test`.
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


@dataclass(frozen=True, slots=True)
class Product:
    """The operations of one document, those that are modelled and those that are refused with a 501."""

    name: str
    modelled: tuple[DocumentedOperation, ...]
    refused: tuple[DocumentedOperation, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The products that the rehearsal touches; `undocumented` is what it models beside all documents."""

    products: tuple[Product, ...]
    undocumented: tuple[Operation, ...]

    @property
    def modelled(self) -> int:
        """How many documented operations are modelled."""
        return sum(len(product.modelled) for product in self.products)

    @property
    def documented(self) -> int:
        """How many operations the touched products have."""
        return self.modelled + sum(len(product.refused) for product in self.products)


def compare_coverage(documented: Iterable[DocumentedOperation], operations: Iterable[Operation]) -> Coverage:
    """What is modelled of each product that has any modelled operation."""
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
    """The coverage to read: a heading and a line for each operation of each product, and the sum at the end."""
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
