"""The sandbox's only credentials: fixed, obviously made up, worth nothing anywhere else."""

WICKED_REPORTS_API_KEY = "sandbox-wicked-reports-key"
THANX_ACCESS_TOKEN = "sandbox-thanx-token"  # noqa: S105
THANX_CLIENT_ID = "sandbox-thanx-client"
THANX_MERCHANT_ID = "sandbox-merchant"
FULLWHERE_API_KEY = "sandbox-fullwhere-key"
FULLWHERE_API_SECRET = "sandbox-fullwhere-secret"  # noqa: S105
FEEDBACKPULSE_API_KEY = "sandbox-feedbackpulse-key"
RETARGETING_REST_KEY = "sandbox-retargeting-key"
RETARGETING_CUSTOMER_ID = "sandbox-retargeting-customer"
