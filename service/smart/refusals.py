"""Why a launch is refused: each reason says what happened and what to do, and nothing that was sent to us."""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):
    """A launch or a session that does not go on; shown as a page."""

    status: ClassVar[int] = 400
    title: ClassVar[str]
    told: ClassVar[str]
    cure: ClassVar[str]

    def __init__(self, detail: str = "") -> None:
        super().__init__(self.title)
        self.detail = detail


class UnknownServer(Refusal):
    """`iss` is no server that this app is registered with."""

    status = 403
    title = "This record system is not known here"
    told = "The app was opened from a FHIR server that it is not registered with, so nothing was sent to it."
    cure = "Ask whoever looks after this app to add the server to its list, or choose a server that is on it."


class NoDiscovery(Refusal):
    """The server's `.well-known/smart-configuration` cannot be had or used."""

    status = 502
    title = "The record system does not say how to sign in"
    told = "Its SMART configuration (.well-known/smart-configuration) is missing or cannot be used."
    cure = "Try again in a minute. If it stays so, the record system must publish its SMART configuration."


class NoPkce(Refusal):
    """The server says that it does not know PKCE with S256."""

    status = 502
    title = "The record system's sign-in is not safe enough"
    told = "It does not offer PKCE with S256, which protects the sign-in, and this app never goes without."
    cure = "The record system must support SMART App Launch 2 before the app can be used with it."


class WrongState(Refusal):
    """The answer belongs to no launch that began in this browser, or to one that is over."""

    title = "This sign-in was not started here"
    told = "The answer fits no sign-in that began in this browser within the last ten minutes, or it was used before."
    cure = "Open the app again from the patient's chart. Do not use the back button during sign-in."


class WrongIssuer(Refusal):
    """The answer comes from another authorization server than the one that was asked."""

    title = "Another server answered"
    told = "The answer names a different sign-in server than the one that was asked, so it was not used."
    cure = "Open the app again from the patient's chart. If it happens again, tell whoever looks after this app."


class ServerSaidNo(Refusal):
    """The authorization server redirected back with an error."""

    status = 403
    title = "The record system did not allow it"
    told = "It ended the sign-in with an error."
    cure = "If you declined, open the app again and allow it. If not, your account may lack the right to use it."


class CodeSpent(Refusal):
    """The token endpoint does not accept the code: it was used before, is too old, or is not ours."""

    title = "The sign-in can be used only once"
    told = "The record system did not accept the sign-in: it was used before or took too long."
    cure = "Open the app again from the patient's chart."


class NoToken(Refusal):
    """The token endpoint gave no usable answer."""

    status = 502
    title = "The record system did not finish the sign-in"
    told = "It was asked for access and gave no answer that can be used."
    cure = "Try again in a minute. If it stays so, tell whoever looks after this app."


class NotIdentified(Refusal):
    """The identity token is missing or not to be trusted."""

    status = 502
    title = "It is not certain who signed in"
    told = "The record system's statement of who you are is missing or could not be verified."
    cure = "Open the app again. If it stays so, tell whoever looks after this app."


class NoPatient(Refusal):
    """The token names no patient."""

    status = 502
    title = "No patient was chosen"
    told = "The record system allowed access but named no patient."
    cure = "Open the app from a patient's chart, or choose a patient when the record system asks."


class OtherPatient(Refusal):
    """The token is for another patient than the card, or than the session that it renews."""

    status = 409
    title = "Another patient is open"
    told = "Access was given for a different patient than the one this app was opened for. Nothing was read."
    cure = "Close this page, go back to the right patient's chart and open the app from there."


class ScopeNotGranted(Refusal):
    """What the plan cannot do without may not be read."""

    status = 403
    title = "Access to part of the chart was not granted"
    told = "A plan made without it could be unsafe, so none is made."
    cure = "Open the app again and allow all that it asks to read."


class NotKept(Refusal):
    """The database, in which sessions are, does not answer."""

    status = 503
    title = "The app cannot remember the sign-in now"
    told = "Its database does not answer."
    cure = "Try again in a minute."
