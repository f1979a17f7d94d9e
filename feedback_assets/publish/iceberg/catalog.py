"""The connection to the REST catalog through PyIceberg, and its errors with remedies."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from feedback_assets.http.masking import mask
from feedback_assets.publish.trouble import PublishTrouble

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

SETTING = "FEEDBACK_PUBLISH_ICEBERG_URI"
_PATIENCE_SECONDS = 10.0
# Without these, PyIceberg waits forever for a store that does not answer.
_TIMEOUTS = {"s3.connect-timeout": "10", "s3.request-timeout": "60"}
_LONGEST = 300


@dataclass(frozen=True)
class Place:
    """A catalog and how to connect to it; ``properties`` are passed to PyIceberg unchanged."""

    uri: str
    warehouse: str | None = None
    credential: str | None = field(default=None, repr=False)
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def address(self) -> str:
        """Where it is, without credentials."""
        parts = urlsplit(self.uri)
        where = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        return f"{where} ({self.warehouse})" if self.warehouse else where

    def connect(self) -> "Catalog":
        """The catalog; raises ``PublishTrouble`` if it cannot be used."""
        if find_spec("pyiceberg") is None:
            raise PublishTrouble(
                f"{SETTING} needs the package pyiceberg, which is not installed; run: "
                "pip install 'feedback-assets[iceberg]'"
            )
        from pyiceberg.catalog import load_catalog

        given: dict[str, str | None] = {
            "type": "rest",
            "uri": self.uri,
            "warehouse": self.warehouse,
            "credential": self.credential,
            # PyIceberg's own default; without it, PyIceberg logs a warning.
            "oauth2-server-uri": f"{self.uri}/v1/oauth/tokens" if self.credential else None,
        }
        known = {name: text for name, text in given.items() if text is not None}
        properties = {**_TIMEOUTS, **known, **self.properties}
        with self.errors():
            self._answers()
            try:
                return load_catalog("feedback", **properties)
            except ValueError:  # the response is not that of a catalog
                pass
        raise self._trouble("does not answer like an Iceberg REST catalog", "fix the address")

    def _answers(self) -> None:
        """Send one request with a timeout: PyIceberg's own requests have none."""
        import requests

        requests.get(f"{self.uri}/v1/config", timeout=_PATIENCE_SECONDS).close()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Convert errors of the catalog and of the object store to ``PublishTrouble``."""
        import requests
        from pyiceberg import exceptions

        failure: PublishTrouble
        try:
            yield
        except (
            exceptions.UnauthorizedError,
            exceptions.ForbiddenError,
            exceptions.OAuthError,
        ) as error:
            failure = self._trouble(
                f"refuses: {_words(error)}",
                "fix FEEDBACK_PUBLISH_ICEBERG_CREDENTIAL, or its permissions in the catalog",
            )
        except (
            exceptions.CommitFailedException,
            exceptions.ValidationException,
            exceptions.TableAlreadyExistsError,
        ) as error:
            failure = self._trouble(
                f"rejected a commit: {_words(error)}",
                "wait until nobody else is changing these tables",
                transient=True,
            )
        except exceptions.NoSuchNamespaceError as error:
            failure = self._trouble(
                f"has no such warehouse: {_words(error)}", "fix FEEDBACK_PUBLISH_ICEBERG_WAREHOUSE"
            )
        except (exceptions.RESTError, requests.RequestException) as error:
            failure = self._trouble(
                f"failed: {_words(error)}",
                "start it, or fix its address and warehouse",
                transient=True,
            )
        except OSError as error:
            failure = self._trouble(
                f"uses a store that failed: {_words(error)}",
                "check the store, and its endpoint and credentials in "
                "FEEDBACK_PUBLISH_ICEBERG_PROPERTIES",
                transient=True,
            )
        else:
            return
        # Outside the block, so that an error that may quote a request is not chained.
        raise failure

    def _trouble(self, what: str, cure: str, *, transient: bool = False) -> PublishTrouble:
        return PublishTrouble(
            f"the Iceberg catalog of {SETTING} ({self.address}) {what}. Tables that were not yet "
            f"committed are unchanged. What to do: {cure}, then publish again.",
            transient=transient,
        )


def _words(error: Exception) -> str:
    words = " ".join(mask(str(error)).split()) or type(error).__name__
    return words[:_LONGEST].rstrip(".")
