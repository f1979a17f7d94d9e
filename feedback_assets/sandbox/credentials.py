"""The sandbox's credentials, fixed and obviously fake, and the settings that use them."""

from starlette.requests import Request

WICKED_REPORTS_API_KEY = "sandbox-wicked-reports-key"
THANX_ACCESS_TOKEN = "sandbox-thanx-token"  # noqa: S105
THANX_CLIENT_ID = "sandbox-thanx-client"
THANX_MERCHANT_ID = "sandbox-merchant"
FULLWHERE_API_KEY = "sandbox-fullwhere-key"
FULLWHERE_API_SECRET = "sandbox-fullwhere-secret"  # noqa: S105
FEEDBACKPULSE_API_KEY = "sandbox-feedbackpulse-key"
RETARGETING_REST_KEY = "sandbox-retargeting-key"
RETARGETING_CUSTOMER_ID = "sandbox-retargeting-customer"
_NOT_SECRET = frozenset({"THANX_MERCHANT_ID"})


def of_account(credential: str, account: str) -> str:
    """A credential of the sandbox that serves one of several accounts."""
    return f"{credential}-{account}" if account else credential


def expected(request: Request, credential: str) -> str:
    """The credential that this sandbox expects."""
    return of_account(credential, request.app.state.account)


def settings_for(url: str, account: str = "") -> dict[str, str]:
    """The settings that point the project at a sandbox with this address, without a prefix."""
    settings = {
        "WICKED_REPORTS_URL": f"{url}/wicked_reports",
        "WICKED_REPORTS_API_KEY": WICKED_REPORTS_API_KEY,
        "THANX_URL": f"{url}/thanx",
        "THANX_ACCESS_TOKEN": THANX_ACCESS_TOKEN,
        "THANX_CLIENT_ID": THANX_CLIENT_ID,
        "THANX_MERCHANT_ID": THANX_MERCHANT_ID,
        "FULLWHERE_URL": f"{url}/fullwhere",
        "FULLWHERE_API_KEY": FULLWHERE_API_KEY,
        "FULLWHERE_API_SECRET": FULLWHERE_API_SECRET,
        "FEEDBACKPULSE_URL": f"{url}/feedbackpulse",
        "FEEDBACKPULSE_API_KEY": FEEDBACKPULSE_API_KEY,
        "RETARGETING_URL": f"{url}/retargeting",
        "RETARGETING_REST_KEY": RETARGETING_REST_KEY,
        "RETARGETING_CUSTOMER_ID": RETARGETING_CUSTOMER_ID,
    }
    return {
        name: value if name in _NOT_SECRET or name.endswith("_URL") else of_account(value, account)
        for name, value in settings.items()
    }
