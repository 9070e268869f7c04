"""HealthChain with a trivial rule: is the newest B12 low? Runs in an environment of its own, without this project."""

from healthchain.gateway import CDSHooksService, HealthChainAPI

app = HealthChainAPI(title="peer", enable_events=False)
cds = CDSHooksService(use_events=False)


@cds.hook("patient-view", id="b12-patient-view", title="B12")
def patient_view(request):
    """Say whether a B12 of those sent is low."""
    from healthchain.models import CDSResponse

    entries = (request.prefetch or {}).get("b12", {}).get("entry", [])
    values = [e["resource"].get("valueQuantity", {}).get("value") for e in entries]
    low = any(value is not None and value < 150 for value in values)
    card = {"summary": "B12 is low" if low else "B12 is not low", "indicator": "info", "source": {"label": "peer"}}
    return CDSResponse(cards=[card])


app.register_service(cds, use_events=False)
