"""What differs between the two prefixes: defaults, and the words for each trouble.

`/openai` speaks as the vendor of the seed document does, `/v1` as OpenAI does. Everywhere else our own codes are used,
in the same form. docs/errors.md is generated from this table; a test sees to it that no `Problem` is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from limner.domain.ask import ResponseFormat

INVALID: Final = "invalid_request_error"
_IMAGE: Final = "image_generation_user_error"
_RATE: Final = "rate_limit_error"
_QUOTA: Final = "insufficient_quota"
_SERVER: Final = "server_error"
_OVERLOADED: Final = "service_unavailable_error"


class Wire(NamedTuple):
    """How a trouble is told: HTTP status, the code that programs look at, OpenAI's kind of error."""

    status: int
    code: str
    type: str


class Words(NamedTuple):
    """One trouble in both languages; `hint` tells the reader of docs/errors.md what to do."""

    vendor: Wire
    openai: Wire
    hint: str


def _same(status: int, vendor_code: str, openai_code: str, type_: str, hint: str) -> Words:
    return Words(Wire(status, vendor_code, type_), Wire(status, openai_code, type_), hint)


WORDS: Final[Mapping[str, Words]] = {
    "no_key": _same(401, "no_token", "missing_api_key", INVALID, "Send `Authorization: Bearer <key>`."),
    "unknown_key": _same(401, "invalid_token", "invalid_api_key", INVALID, "Check the key and the address."),
    "token_paints_nothing": _same(
        401, "invalid_token", "invalid_api_key", INVALID, "Send an API key: platform tokens are for `/api/v1`."
    ),
    "expired_key": _same(401, "token_expired", "api_key_expired", INVALID, "Make a new key."),
    "disabled_key": _same(403, "disabled", "api_key_disabled", INVALID, "Ask the operator, or use another key."),
    "model_not_allowed": Words(
        Wire(400, "token_mismatched", INVALID),
        Wire(403, "model_not_found", INVALID),
        "Use a model that the key is for, or another key.",
    ),
    "unknown_model": Words(
        Wire(400, "bad_request", INVALID),
        Wire(404, "model_not_found", INVALID),
        "Use a name that `GET /v1/models` lists.",
    ),
    "malformed_json": _same(400, "bad_request", "invalid_json", INVALID, "The message says at which line and column."),
    "malformed_form": _same(
        400, "bad_request", "invalid_multipart", INVALID, "Let a library make the form, boundary and all."
    ),
    "missing_parameter": _same(400, "bad_request", "missing_required_parameter", INVALID, "Send the named field."),
    "unknown_parameter": _same(400, "bad_request", "unknown_parameter", INVALID, "Leave the named field out."),
    "invalid_type": _same(400, "bad_request", "invalid_type", INVALID, "Send the named field in the type it says."),
    "invalid_value": _same(400, "bad_request", "invalid_value", _IMAGE, "The message lists what is allowed."),
    "body_too_large": _same(413, "content_too_large", "request_too_large", INVALID, "Send less."),
    "not_offered": _same(400, "api_not_implemented", "not_implemented", INVALID, "This server does not do that."),
    "unknown_path": Words(
        Wire(400, "api_not_implemented", INVALID), Wire(404, "unknown_url", INVALID), "Check the path."
    ),
    "wrong_method": _same(
        405, "api_not_implemented", "method_not_allowed", INVALID, "Use a method that `Allow` lists."
    ),
    "refused": Words(
        Wire(403, "forbidden", INVALID), Wire(400, "content_policy_violation", INVALID), "Change the prompt."
    ),
    # The same from models that take `moderation`, as OpenAI's do.
    "moderation_blocked": Words(
        Wire(403, "forbidden", INVALID), Wire(400, "moderation_blocked", _IMAGE), "Change the prompt."
    ),
    "moderation_unavailable": _same(503, "busy", "service_unavailable", _OVERLOADED, "Wait for `Retry-After`."),
    "too_many_requests": _same(429, "too_many_requests", "rate_limit_exceeded", _RATE, "Wait for `Retry-After`."),
    "too_many_at_once": _same(429, "too_many_requests", "rate_limit_exceeded", _RATE, "Wait for a request to end."),
    "credits_used_up": Words(
        Wire(403, "used_up", _QUOTA), Wire(429, "insufficient_quota", _QUOTA), "Ask the operator for credits."
    ),
    "spend_limit_reached": Words(
        Wire(403, "used_up", _QUOTA),
        Wire(429, "project_spend_limit_exceeded", _QUOTA),
        "Raise the key's limit, or use another key.",
    ),
    "invalid_picture_url": _same(
        400, "bad_request", "invalid_image_url", _IMAGE, "Give a link that this server may follow."
    ),
    "picture_not_fetched": _same(
        400, "bad_request", "failed_to_download_image", _IMAGE, "Open the link yourself, or send the file."
    ),
    "invalid_base64_image": _same(
        400, "bad_request", "invalid_base64_image", _IMAGE, "Encode the file's bytes, all of them, in base64."
    ),
    "invalid_input_fidelity_model": _same(
        400, "bad_request", "invalid_input_fidelity_model", _IMAGE, "Leave `input_fidelity` out, or use another model."
    ),
    "engine_busy": _same(503, "busy", "server_is_overloaded", _OVERLOADED, "Wait for `Retry-After`."),
    "engine_failed": _same(500, "api_error", "engine_failed", _SERVER, "Try again; the operator's log has more."),
    "engine_timeout": _same(504, "timeout", "timeout", _SERVER, "Ask for less, or try again."),
    "engine_unavailable": _same(503, "busy", "service_unavailable", _OVERLOADED, "Try again later."),
    "engine_quota": _same(
        503, "busy", "service_unavailable", _OVERLOADED, "The operator's own credits with the upstream are used up."
    ),
    # Told as `refused` or `moderation_blocked`, by the model, wherever that is known.
    "engine_refused": Words(
        Wire(403, "forbidden", INVALID), Wire(400, "content_policy_violation", INVALID), "Change the prompt."
    ),
    "engine_cannot": _same(400, "bad_request", "invalid_value", _IMAGE, "Change what the message names."),
    "still_under_way": _same(
        504, "timeout", "timeout", _SERVER, "Ask for the task that the message names, or ask asynchronously."
    ),
    "timed_out": _same(504, "timeout", "timeout", _SERVER, "Ask for less, or try again."),
    "storage_failed": _same(500, "api_error", "storage_failed", _SERVER, "The operator must look at the storage."),
    "database_unavailable": _same(503, "busy", "service_unavailable", _OVERLOADED, "Wait for `Retry-After`."),
    "task_abandoned": _same(500, "api_error", "task_abandoned", _SERVER, "Try again."),
    "queue_full": _same(429, "too_many_requests", "queue_full", _RATE, "Wait for some of your tasks to end."),
    "callback_refused": _same(
        400, "bad_request", "invalid_callback_url", INVALID, "Give an address that this server may call."
    ),
    "idempotency_key_reused": _same(
        422, "duplication", "idempotency_key_reused", INVALID, "Use a new key for each request."
    ),
    "no_such_task": _same(404, "not_found", "task_not_found", INVALID, "Check the id, and that the task is yours."),
    "task_over": _same(409, "not_applied", "task_already_ended", INVALID, "There is nothing left to cancel."),
    "cancelled": _same(409, "canceled", "cancelled", INVALID, "Somebody with a key of the account has cancelled it."),
    "no_such_message": _same(404, "not_found", "not_found", INVALID, "Check the id, and that the task is yours."),
    "message_under_way": _same(409, "not_applied", "conflict", INVALID, "Wait until it is delivered or has failed."),
    "no_such_inbox": _same(404, "not_found", "not_found", INVALID, "Check the address, and that the inbox is yours."),
    "no_such_request": _same(404, "not_found", "not_found", INVALID, "An inbox keeps the last requests only."),
    "inbox_ended": _same(410, "not_found", "inbox_ended", INVALID, "Make a new inbox."),
    "inbox_busy": _same(429, "too_many_requests", "rate_limit_exceeded", _RATE, "Wait for `Retry-After`."),
    "too_many_inboxes": _same(429, "too_many_requests", "too_many_inboxes", _RATE, "Delete an inbox, or wait."),
    "interrupted": _same(503, "busy", "service_unavailable", _OVERLOADED, "Try again."),
    "internal": _same(500, "api_error", "internal_error", _SERVER, "Tell the operator the trace id."),
    "file_missing": _same(404, "not_found", "not_found", INVALID, "Paint it again."),
    "no_such_file": _same(404, "not_found", "not_found", INVALID, "Check the id; files are kept for a set time."),
    "image_file_not_found": _same(
        400, "bad_request", "image_file_not_found", INVALID, "Upload it again: files are kept for a set time."
    ),
    "files_full": _same(400, "bad_request", "files_full", INVALID, "Delete files, or wait until some expire."),
    "invalid_image": _same(400, "bad_request", "invalid_image", INVALID, "Send another picture."),
    "empty_image": _same(400, "bad_request", "empty_image_file", INVALID, "Send a picture that has bytes."),
    "unsupported_image": _same(
        400, "bad_request", "unsupported_image_media_type", INVALID, "Send a png, jpeg, webp or gif."
    ),
    "damaged_image": _same(
        400, "bad_request", "image_parse_error", INVALID, "Save the picture anew, and send all of it."
    ),
    "image_file_too_large": Words(
        Wire(413, "content_too_large", INVALID), Wire(400, "image_file_too_large", INVALID), "Send fewer bytes."
    ),
    "image_too_large": Words(
        Wire(413, "content_too_large", INVALID), Wire(400, "image_too_large", INVALID), "Make the picture smaller."
    ),
    "image_too_small": _same(400, "bad_request", "image_too_small", INVALID, "Send a larger picture."),
    "invalid_image_mode": _same(400, "bad_request", "invalid_image_mode", INVALID, "Save it as RGB or RGBA."),
    "link_expired": _same(
        403, "forbidden", "link_expired", INVALID, "Ask for the picture again: links live for a set time."
    ),
    "form_forged": _same(403, "forbidden", "form_forged", INVALID, "Load the page again and send its form once more."),
    "link_forged": _same(403, "forbidden", "link_invalid", INVALID, "Use the link exactly as it was answered."),
    "range_unsatisfiable": _same(416, "bad_request", "range_not_satisfiable", INVALID, "Ask within the file's length."),
    "metrics_refused": _same(
        403, "forbidden", "forbidden", INVALID, "Ask from the server's own machine, or set `server.metrics_token`."
    ),
    "metrics_token_wrong": _same(
        401, "invalid_token", "invalid_metrics_token", INVALID, "Send what `server.metrics_token` says."
    ),
    # Only the management commands and, later, the console raise these.
    "no_such_account": _same(404, "not_found", "not_found", INVALID, "`limner accounts list` shows all."),
    "account_exists": _same(409, "duplication", "conflict", INVALID, "Choose another name."),
    "no_such_picture": _same(404, "not_found", "not_found", INVALID, "Check the link; what was deleted stays deleted."),
    "no_such_share": _same(404, "not_found", "not_found", INVALID, "Ask whoever shared it for a new link."),
    "too_many_shares": _same(429, "too_many_requests", "too_many_shares", _RATE, "Take one of its links back."),
    "not_to_share": _same(409, "not_applied", "conflict", INVALID, "Paint it again, and share that."),
    "not_to_retry": _same(409, "not_applied", "conflict", INVALID, "`limner tasks list --status failed` shows some."),
    # Only the console's pages raise these.
    "tried_too_often": _same(429, "too_many_requests", "rate_limit_exceeded", _RATE, "Wait for `Retry-After`."),
    "wrong_login": _same(401, "forbidden", "wrong_login", INVALID, "Check both, or ask for a new password."),
    "email_taken": _same(409, "duplication", "email_taken", INVALID, "Sign in, or ask for a new password."),
    "login_exists": _same(409, "duplication", "login_exists", INVALID, "Sign in, or ask for a new password."),
    "no_email": _same(409, "not_applied", "no_email", INVALID, "Give the account an e-mail first."),
    "login_link_over": _same(410, "not_found", "link_over", INVALID, "Ask for a new link."),
    "invitation_needed": _same(403, "forbidden", "invitation_needed", INVALID, "Ask the operator for an invitation."),
    "invitation_over": _same(403, "forbidden", "invitation_over", INVALID, "Ask the operator for a new invitation."),
    "no_such_invitation": _same(404, "not_found", "not_found", INVALID, "`limner accounts invitations` shows all."),
    "registration_closed": _same(403, "forbidden", "registration_closed", INVALID, "Ask the operator for an account."),
    "not_approved": _same(403, "forbidden", "not_approved", INVALID, "Wait until the operator has approved you."),
    "account_suspended": _same(403, "disabled", "account_suspended", INVALID, "Ask the operator."),
    "owner_stays": _same(409, "not_applied", "conflict", INVALID, "The owner's account cannot be deleted."),
    "session_not_fresh": _same(403, "forbidden", "session_not_fresh", INVALID, "Sign in again, then do it at once."),
    "unknown_provider": _same(404, "not_found", "not_found", INVALID, "The settings name the providers there are."),
    "provider_failed": _same(502, "busy", "provider_failed", _SERVER, "Try again; the operator's log has more."),
    "provider_refused": _same(403, "forbidden", "provider_refused", INVALID, "Sign in there, and say yes to it."),
    "provider_journey_over": _same(
        400, "bad_request", "provider_journey_over", INVALID, "Begin again, in one browser."
    ),
    "identity_taken": _same(409, "duplication", "identity_taken", INVALID, "Unlink it from the other account first."),
    "no_such_identity": _same(404, "not_found", "not_found", INVALID, "The account's page shows those there are."),
    "last_way_in": _same(409, "not_applied", "last_way_in", INVALID, "Set a password first, or link another."),
    "no_such_key": _same(404, "not_found", "not_found", INVALID, "`limner keys list` shows all."),
    "too_many_keys": _same(409, "not_applied", "too_many_keys", INVALID, "Delete a key that is not needed any more."),
    # Only the operator's pages and the management API raise these.
    "model_changed": _same(409, "not_applied", "conflict", INVALID, "Look at the model again, then change it."),
    "no_platform_token": _same(401, "no_token", "missing_token", INVALID, "Send `Authorization: Bearer <token>`."),
    "unknown_platform_token": _same(401, "invalid_token", "invalid_token", INVALID, "Make a token on `/tokens`."),
    "expired_platform_token": _same(401, "token_expired", "token_expired", INVALID, "Make a token on `/tokens`."),
    "key_manages_nothing": _same(401, "token_mismatched", "invalid_token", INVALID, "Make a token on `/tokens`."),
    "no_such_platform_token": _same(404, "not_found", "not_found", INVALID, "The page `/tokens` shows all."),
    "too_many_platform_tokens": _same(
        409, "not_applied", "too_many_tokens", INVALID, "Delete a token that is not needed any more."
    ),
    "no_such_record": _same(404, "not_found", "not_found", INVALID, "Check the id, and that it is your account's."),
    "no_such_rule": _same(404, "not_found", "not_found", INVALID, "`limner moderation rules` shows all."),
    "rule_exists": _same(409, "duplication", "conflict", INVALID, "Remove the other one first."),
    "too_many_rules": _same(409, "not_applied", "conflict", INVALID, "Remove rules that are not needed any more."),
    "code_refused": _same(409, "not_applied", "code_refused", INVALID, "Check the code, or ask for a new one."),
    "no_such_code": _same(404, "not_found", "not_found", INVALID, "`limner credits codes list` shows all."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One prefix. `response_format` None: the model's profile decides. `model` None: it must be given.

    `edit_model`, `variation_model`: what edits and variations are made with where none is given.
    `accepted`: the status that answers an asynchronous request.
    """

    prefix: str
    accepted: int
    model: str | None
    edit_model: str
    variation_model: str
    response_format: ResponseFormat | None
    is_vendor: bool

    def wire(self, code: str) -> Wire:
        """How this prefix tells the trouble with our code."""
        words = WORDS[code]
        return words.vendor if self.is_vendor else words.openai


VENDOR: Final = Dialect(
    prefix="/openai",
    accepted=200,
    model=None,
    edit_model="dall-e-3",
    variation_model="dall-e-2",
    response_format="url",
    is_vendor=True,
)
OPENAI: Final = Dialect(
    prefix="/v1",
    accepted=202,
    model="dall-e-2",
    edit_model="gpt-image-1.5",
    variation_model="dall-e-2",
    response_format=None,
    is_vendor=False,
)
DIALECTS: Final = (VENDOR, OPENAI)


def dialect_of(path: str) -> Dialect:
    """The dialect to speak on a path: the vendor's where its API or its management API is, OpenAI's everywhere else."""
    is_vendor = path == VENDOR.prefix or path.startswith((VENDOR.prefix + "/", "/api/"))
    return VENDOR if is_vendor else OPENAI
