"""The key of a workspace's certificates, and what is certified now, for releases."""

from bedside.core.errors import Refused
from bedside.core.ports import ByteSigner
from bedside.core.ports.vault import Vault
from bedside.core.records.release_mode import ReleaseMode
from bedside.lifecycle.note_certificates import CertifiedTexts, certificates, certified_texts
from bedside.lifecycle.platform import Platform
from bedside.privacy.text.identity import engine_identity
from bedside.wiring.key_service import keys_of
from bedside.wiring.settings import settings_of

__all__ = ["certificate_signer", "certified_notes", "texts_of"]


def certificate_signer(platform: Platform) -> ByteSigner:
    """What signs recall certificates here, and checks them."""
    from bedside.infra.keys.ed25519 import Ed25519Signer  # noqa: PLC0415
    from bedside.infra.keys.secrets import Secrets  # noqa: PLC0415

    keys = keys_of(settings_of(platform.folder), platform.clock)
    return Ed25519Signer(Secrets(platform.folder / "keys", keys).secret("certificates"))


def texts_of(
    platform: Platform, data: str, project: str, mode: ReleaseMode, vault: Vault | None = None
) -> CertifiedTexts:
    """The text columns of a data set that are certified now; see `certified_texts`.

    Args:
        platform: The workspace.
        data: The data set.
        project: Whose vault keeps the stand-ins.
        mode: What the release allows.
        vault: The project's, where it is open already.
    """
    held = platform.vaults.of(project) if vault is None else vault
    return certified_texts(platform, data, certificate_signer(platform), held, mode)


def certified_notes(platform: Platform, data: str, language: str, labeller: str) -> str:
    """What may be said of notes that this engine cleaned, because a certificate counts.

    Raises:
        Refused: none does for this engine and data set (code `not_certified`).
    """
    engine = engine_identity(language, labeller=labeller)
    for use in reversed(certificates(platform, certificate_signer(platform))):
        if use.counts and use.certificate.data == data and use.certificate.engine == engine:
            low = 100 * use.certificate.overall.low
            return (
                f"Certificate {use.digest}: of what identifies somebody, at least {low:.1f} % was "
                f"found in a sample of such notes. It counts until {use.certificate.expires_at}."
            )
    raise Refused(
        "No certificate counts for these notes and this engine.",
        fix="see bedside deid certificates; make one with bedside deid certify.",
        code="not_certified",
    )
