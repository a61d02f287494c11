"""How much of Twilio is modelled: each documented operation of the products that the rehearsal touches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dialtone_nb.rehearsal.http.operations import Operation
from dialtone_nb.rehearsal.openapi.documents import DocumentedOperation, operation_key


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
