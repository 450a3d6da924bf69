"""All settings, read once at the edge and handed down."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from matcher.errors import SettingsError


class Settings(BaseSettings):
    """Settings from the environment or an ``.env`` file, prefixed ``SAMSPILL_``.

    Frozen: made once with :meth:`from_env`, then passed to whatever needs it.
    """

    model_config = SettingsConfigDict(
        env_prefix="SAMSPILL_", env_file=".env", frozen=True, extra="ignore"
    )

    data_dir: Path = Field(
        Path("var"), description="Folder of the store, the generations and refused records."
    )
    database_url: str = Field(
        "",
        repr=False,
        description="SQLAlchemy URL of the store, `postgresql+psycopg://user:password@host/name` "
        "([operations](operations.md)); `?pool_size=20` keeps so many connections a process "
        "instead of 10. Empty means SQLite in the data folder.",
    )
    encoder: str = Field(
        "bundled",
        description="`bundled`, or the name or path of any sentence-transformers model; "
        "`MODEL?dimensions=256` keeps leading dimensions, `MODEL?backend=onnx` runs it otherwise.",
    )
    reranker: str = Field(
        "",
        description="Name or path of a cross-encoder that looks at the first 50 places again; "
        "slow, off if empty.",
    )
    backup_dir: Path | None = Field(
        None, description="Folder backups go to; empty means `backups` in the data folder."
    )
    backups_kept: int = Field(7, ge=0, description="Backups the nightly job keeps; 0 keeps all.")
    job_nice: int = Field(
        10, ge=0, le=19, description="How far the nightly job stands back (as of `nice`)."
    )
    host: str = Field("127.0.0.1", description="Address `samspill serve` listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port `samspill serve` listens on.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level of the log lines written to standard error."
    )
    env: Literal["development", "production"] = Field(
        "development",
        description="`production` refuses to start with unsafe settings and asks for a login.",
    )
    secret_key: str = Field(
        "",
        repr=False,
        description="Signs links and seals the record: at least 32 random characters "
        "(`openssl rand -hex 32`). Several, with spaces between, rotate: the first one signs, "
        "all are accepted. Empty is refused in production.",
    )
    public_url: str = Field(
        "http://127.0.0.1:8000", description="Where people reach the service; mails link to it."
    )
    public_search: bool | None = Field(
        None,
        description="Search and records without a login; by default in development alone.",
    )
    session_hours: int = Field(12, ge=1, le=720, description="A login ends when unused so long.")
    smtp_url: str = Field(
        "",
        repr=False,
        description="Mail server, `smtp://[user:password@]host[:port]` or `smtps://...`; "
        "empty: mails wait.",
    )
    mail_from: str = Field("samspill@localhost", description="Sender's address of all mail.")
    oidc_issuer: str = Field("", description="Address of an OpenID provider; empty: none.")
    oidc_client_id: str = Field("", description="Client id at the OpenID provider.")
    oidc_client_secret: str = Field(
        "", repr=False, description="Client secret at the OpenID provider."
    )
    max_body: int = Field(1_048_576, ge=1024, description="Largest body of a request, in bytes.")
    max_seconds: float = Field(30, gt=0, description="Longest time a request may take.")
    rate_requests: str = Field(
        "300/minute", description="Requests a client may send; as in `300/minute`."
    )
    rate_logins: str = Field(
        "10/minute", description="Logins, links and answers a client may try; as in `10/minute`."
    )
    rate_storage: str = Field(
        "memory://",
        description="Where rates are counted: per process, or shared (`redis://...`).",
    )
    trusted_proxies: str = Field(
        "", description="Addresses of proxies whose `X-Forwarded-For` is believed, comma between."
    )
    profile_days: int = Field(
        365, ge=1, description="A supplier's profile expires so many days after its review."
    )
    retention_days: int = Field(
        730, ge=1, description="Personal data without use is erased after so many days."
    )

    proxy: str = Field(
        "", description="HTTP proxy for `samspill sync`; empty means to connect directly."
    )
    sync_since_days: int = Field(
        30, ge=1, description="Days a first `samspill sync` of a feed goes back."
    )
    ted_url: str = Field(
        "https://api.ted.europa.eu/v3/notices/search", description="TED's search API."
    )
    ted_query: str = Field(
        "buyer-country IN (NOR SWE DNK FIN ISL)",
        description="Expert query that `samspill sync ted` narrows to what is new.",
    )
    doffin_url: str = Field(
        "https://api.doffin.no/public/v2/search", description="Doffin's search API."
    )
    doffin_key: SecretStr = Field(
        SecretStr(""), description="Subscription key of Doffin's API; needed to sync it."
    )
    brreg_url: str = Field(
        "https://data.brreg.no/enhetsregisteret/api", description="Enhetsregisteret's API."
    )
    cvr_url: str = Field(
        "http://distribution.virk.dk/cvr-permanent/virksomhed/_search",
        description="CVR's Elasticsearch index.",
    )
    cvr_user: str = Field("", description="User name at CVR; needed to sync it.")
    cvr_password: SecretStr = Field(SecretStr(""), description="Password at CVR.")
    prh_url: str = Field(
        "https://avoindata.prh.fi/opendata-ytj-api/v3/companies", description="PRH's API."
    )
    ocds_url: str = Field(
        "https://www.find-tender.service.gov.uk/api/1.0/ocdsReleasePackages",
        description="A service of OCDS release packages with `updatedFrom` and `links.next`.",
    )

    @classmethod
    def from_env(cls) -> Self:
        """Read the settings.

        Raises:
            SettingsError: A value cannot be used; the message names the variable.
        """
        try:
            return cls()
        except ValidationError as error:
            problems = "; ".join(
                f"SAMSPILL_{'_'.join(str(part) for part in e['loc']).upper()}: {e['msg']}"
                for e in error.errors()
            )
            raise SettingsError(problems) from error

    @property
    def store_url(self) -> str:
        """The store's SQLAlchemy URL, with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'samspill.sqlite'}"

    @property
    def searchable_by_all(self) -> bool:
        """Whether search and records are open without a login."""
        return self.env == "development" if self.public_search is None else self.public_search

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys, the one that signs first.

        Raises:
            SettingsError: Missing, too short or guessable, in production.
        """
        keys = tuple(self.secret_key.split())
        if self.env == "production":
            if not keys or any(len(k) < 32 or len(set(k)) < 10 for k in keys):
                raise SettingsError(
                    "SAMSPILL_SECRET_KEY: at least 32 random characters are needed in "
                    "production; `openssl rand -hex 32` makes them"
                )
            if not self.public_url.startswith("https://"):
                raise SettingsError("SAMSPILL_PUBLIC_URL: must begin with https:// in production")
        return keys or ("development only: not secret",)

    @property
    def generations_dir(self) -> Path:
        """Where the index generations live."""
        return self.data_dir / "generations"

    @property
    def backups(self) -> Path:
        """Where backups go."""
        return self.backup_dir or self.data_dir / "backups"

    @property
    def fusion_file(self) -> Path:
        """Weights of the ranking fitted to the user's own judgements, if there are any."""
        return self.data_dir / "fusion.json"

    @property
    def refused_dir(self) -> Path:
        """Where refused records of imports are written."""
        return self.data_dir / "refused"
