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
        "", description="SQLAlchemy URL of the store; empty means SQLite in the data folder."
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
