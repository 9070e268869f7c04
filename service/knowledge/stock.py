"""What a site stocks: shipped products and its own, in the order they are preferred."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from service.domain.protocol import Drug, Pack, Product, Protocol
from service.domain.terms import Amount
from service.knowledge import schema as shape
from service.knowledge.check_digits import well_formed
from service.knowledge.files import Place, Read
from service.knowledge.nearest import meant, unknown
from service.ucum import is_unit

Code = tuple[str, str, str]
Coder = Callable[[Read[shape.Strict], Place, shape.CodeRef], Code]
Local = Read[shape.LocalProtocolFile]
_SHORT = {url: name for name, url in shape.SYSTEMS.items()}
#: How a product's text may write the unit of its strength.
_WRITTEN = {"ug": r"(?:micrograms?|mcg|µg|ug)", "mg": "mg"}


@dataclass(frozen=True, slots=True)
class Stock:
    """All shipped products, and what is needed to make one from a line of a file."""

    lists: Mapping[str, tuple[Product, ...]]
    drugs: Mapping[str, Drug]
    coding: Coder

    def products(self, file: Local, parent: Protocol) -> tuple[Product, ...]:
        """Return what a site's file stocks; raises KnowledgeError for a product nobody describes."""
        if file.content.products is None:
            return parent.products
        shipped = {product.id: product for products in self.lists.values() for product in products}
        own = dict(self._own(file, shipped))
        names = file.content.products.stock
        for place, name in enumerate(names):
            path = ("products", "stock", place)
            if name in names[:place]:
                raise file.error(path, f"{name} stands twice: keep one")
            if name not in shipped | own:
                raise file.error(path, unknown("product", name, [*own, *shipped]))
        for place, name in enumerate(own):
            if name not in names:
                raise file.error(("products", "own", place), f"{name} is described but not in stock: add it there")
        return tuple((shipped | own)[name] for name in names)

    def _own(self, file: Local, shipped: Mapping[str, Product]) -> Iterator[tuple[str, Product]]:
        lines = file.content.products.own if file.content.products else []
        for place, line in enumerate(lines):
            path = ("products", "own", place)
            if line.id in shipped or line.id in {other.id for other in lines[:place]}:
                raise file.error(path, f"a product is already called {line.id}: give yours a name of its own")
            self._must_say_what_it_is(file, path, line)
            verified = [self.coding(file, path, code) for code in line.codes]
            codings = [*self._site_codings(file, path, line), *verified]
            if not codings:
                raise file.error(path, f"{line.id}: give a code: codes (verified ones) or site-codes (your own)")
            yield line.id, product_of(file, path, line, self.drugs, tuple(codings))

    def _must_say_what_it_is(self, file: Local, path: Place, line: shape.SiteProductLine) -> None:
        """Refuse a text that does not tell the drug and the strength: a person reads the text, not the numbers."""
        strength = line.strength
        said = re.search(rf"(?<![\d.]){re.escape(str(strength.value))} ?{_WRITTEN[strength.unit]}\b", line.text)
        if line.drug not in line.text or not said:
            unit = "micrograms" if strength.unit == "ug" else strength.unit
            raise file.error((*path, "text"), f"the text must say the drug and `{strength.value} {unit}`")

    def _site_codings(self, file: Local, path: Place, line: shape.SiteProductLine) -> Iterator[Code]:
        for place, code in enumerate(line.site_codes):
            short = _SHORT.get(code.system)
            problem = well_formed(short, code.code) if short else None
            if problem is not None:
                raise file.error((*path, "site-codes", place), f"{code.system} {code.code}: {problem}")
            yield code.system, code.code, code.display


def product_of(
    file: Read[shape.Strict], path: Place, line: shape.ProductLine, drugs: Mapping[str, Drug], codings: tuple[Code, ...]
) -> Product:
    """Return the product of a line; raises KnowledgeError for an unknown drug or unit."""
    if not is_unit(line.per.unit):
        raise file.error((*path, "per", "unit"), f"{line.per.unit} is not a UCUM unit")
    if line.drug not in drugs:
        hint = f"{meant(line.drug, drugs)}; known: {', '.join(drugs)}"
        raise file.error((*path, "drug"), f"{line.drug} is not in drugs.yaml{hint}")
    return Product(
        id=line.id,
        drug=line.drug,
        text=line.text,
        codings=codings,
        routes=tuple(line.routes),
        strength=Amount(line.strength.value, line.strength.unit),
        per=Amount(line.per.value, line.per.unit),
        unit_one=line.unit.one,
        unit_many=line.unit.many,
        up_to=line.up_to.value if line.up_to else None,
        pack=_pack(line.pack),
    )


def _pack(line: shape.PackLine | None) -> Pack | None:
    return Pack(line.holds, line.unit.one, line.unit.many, line.single_use) if line else None
