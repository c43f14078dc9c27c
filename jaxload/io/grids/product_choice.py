"""Which of a file's variables are the quantity that is wanted."""

import dataclasses
from collections.abc import Mapping, Sequence

from jaxload.io.grids.hints import setting
from jaxload.io.grids.products import (
    LIMITS,
    NAMED_ONLY,
    OTHERS,
    PRODUCTS,
    STANDARD_NAMES,
    Part,
    Product,
)

__all__ = ["choose_product"]

Names = str | Sequence[str] | None


def choose_product(
    held: Mapping[str, str], quantity: Names, variable: Names, where: str
) -> Product:
    """Choose what to read of a file.

    Args:
      held: What the file holds on time, lat and lon, each with its standard name.
      quantity: What is wanted, by its name here; of several the first that is there;
        None for the one that is there.
      variable: What the file calls it, or calls its parts; None to go by what is known.
      where: The file, for the messages.

    Returns:
      The product, its parts and its error named as the file does; parts that may be
      missing are left out where they are.

    Raises:
      ValueError: If it is not there, not whole, or not the only one.
    """
    wanted = _quantities(quantity)
    names = {name.lower(): name for name in held}
    if variable is not None:
        return _named_product(names, wanted, variable, where)
    if wanted == ("variable",):
        return Product("variable", (Part(_only_name(held, where)),))
    for table in (PRODUCTS, OTHERS, _by_standard_name(held)):
        for some in ((one,) for one in wanted) if quantity else (wanted,):
            whole = [p for p in table if p.quantity in some and not _absent(p, names)]
            if whole:
                return _as_held(_only(whole, where), names)
    known = [p for p in PRODUCTS if p.quantity in wanted]
    raise ValueError(_not_there(known, names, where))


def _quantities(quantity: Names) -> tuple[str, ...]:
    if quantity is None:
        return tuple(name for name in LIMITS if name not in NAMED_ONLY)
    wanted = (quantity,) if isinstance(quantity, str) else tuple(quantity)
    for name in wanted:
        if name not in LIMITS:
            raise ValueError(f"{name!r} is no quantity; choose of {', '.join(LIMITS)}")
    return wanted


def _only_name(held: Mapping[str, str], where: str) -> str:
    """The one variable of a file that holds no other."""
    if len(held) != 1:
        raise ValueError(
            f"{where} holds {', '.join(held) or 'nothing'} on time, lat and lon; name "
            f"the one that is meant by {setting('variable')}"
        )
    return next(iter(held))


def _by_standard_name(held: Mapping[str, str]) -> tuple[Product, ...]:
    return tuple(
        Product(STANDARD_NAMES[standard], (Part(name),))
        for name, standard in held.items()
        if standard in STANDARD_NAMES
    )


def _only(whole: Sequence[Product], where: str) -> Product:
    # A sum that is there whole says all that its parts would.
    if len(whole) == 1:
        return whole[0]
    quantities = sorted({p.quantity for p in whole})
    several = [part.source for p in whole for part in p.parts]
    if len(quantities) > 1:
        raise ValueError(
            f"{where} holds {', '.join(quantities)}; name the variable of one, of "
            f"{', '.join(several)}, by {setting('variable', several[0])}"
        )
    raise ValueError(
        f"{where} holds {', '.join(several)}, each of which is {quantities[0]}; name "
        f"one by {setting('variable', several[0])}"
    )


def _named_product(
    names: Mapping[str, str],
    quantities: Sequence[str],
    variable: str | Sequence[str],
    where: str,
) -> Product:
    wanted = [variable] if isinstance(variable, str) else list(variable)
    absent = [name for name in wanted if name.lower() not in names]
    if absent or not wanted:
        raise ValueError(
            f"{where} holds {', '.join(names.values()) or 'nothing'} on time, lat and "
            f"lon; {', '.join(absent) or 'something'} was wanted: name one by "
            f"{setting('variable')}"
        )
    lower = {name.lower() for name in wanted}
    known = [p for p in PRODUCTS + OTHERS if p.quantity in quantities]
    known = [p for p in known if lower <= {part.source.lower() for part in p.parts}]
    depths = {x.source.lower(): x.depth for p in known for x in p.parts}
    parts = tuple(Part(name, depths.get(name.lower(), 0.0)) for name in wanted)
    # What nobody knows is taken for water storage, as far as its units allow it.
    template = known[0] if known else Product(quantities[0], ())
    return _as_held(Product(template.quantity, parts, template.sigma), names)


def _absent(product: Product, names: Mapping[str, str]) -> list[str]:
    return [
        part.source
        for part in product.parts
        if part.needed and part.source.lower() not in names
    ]


def _as_held(product: Product, names: Mapping[str, str]) -> Product:
    parts = tuple(
        dataclasses.replace(part, source=names[part.source.lower()])
        for part in product.parts
        if part.source.lower() in names
    )
    sigma = names.get(product.sigma.lower(), "")
    return Product(product.quantity, parts, sigma)


def _not_there(wanted: Sequence[Product], names: Mapping[str, str], where: str) -> str:
    for product in wanted:
        absent = _absent(product, names)
        here = [p.source for p in product.parts if p.source.lower() in names]
        soil = [name for name in here if name.lower().startswith(("soil", "swvl"))]
        if soil:
            return (
                f"{where} holds {', '.join(here)}, but of {product.quantity} not "
                f"{', '.join(absent)}; to add up what is there, name all of it by "
                + setting("variable", '["' + '", "'.join(here) + '"]', text=False)
            )
    known = (part.source for p in wanted for part in p.parts)
    return (
        f"{where} holds {', '.join(names.values()) or 'nothing'} on time, lat and lon; "
        f"one of {', '.join(dict.fromkeys(known))} was wanted: name one by "
        f"{setting('variable')}"
    )
