"""Small words of the pages: doses, intervals, routes and forms as people read them."""

from __future__ import annotations

from datetime import date

from service.cards.text import day
from service.domain.orders import Order
from service.domain.protocol import Step
from service.domain.terms import Route

ROUTES = {
    Route.INTRAMUSCULAR: "into a muscle",
    Route.SUBCUTANEOUS: "deep under the skin",
    Route.ORAL: "by mouth",
    Route.NASAL: "into the nose",
}
_FORMS = {Route.ORAL: ("tablet", "tablets"), Route.NASAL: ("spray", "sprays")}


def mass(step: Step) -> str:
    """Return the mass of one dose of a step."""
    most = f" to {step.high:f}" if step.high not in (None, step.low) else ""
    return f"{step.low:f}{most} {'micrograms' if step.unit == 'ug' else step.unit}"


def every(months: int) -> str:
    """Return an interval of whole months."""
    return "every month" if months == 1 else f"every {months} months"


def form(route: Route, count: int = 2) -> str:
    """Return what a dose by a route is called: injections, tablets, sprays."""
    one, many = _FORMS.get(route, ("injection", "injections"))
    return one if count == 1 else many


def amount(order: Order) -> str:
    """Return how much of the product one dose is: 1 mL, 2 to 3 tablets."""
    most = f" to {order.high:f}" if order.high is not None else ""
    unit = order.product.unit_one if (order.high or order.low) == 1 else order.product.unit_many
    return f"{order.low:f}{most} {unit}"


def supply(order: Order) -> str:
    """Return what an order supplies in all."""
    unit = order.product.unit_one if order.quantity == 1 else order.product.unit_many
    return f"{order.quantity:f} {unit}"


def between(first: date, last: date) -> str:
    """Return one day, or two with a dash."""
    return day(first) if first == last else f"{day(first)} – {day(last)}"
