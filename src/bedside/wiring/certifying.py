"""The key of a workspace's certificates, and what is certified now, for releases."""

from bedside.core.ports import ByteSigner
from bedside.core.records.release_mode import ReleaseMode
from bedside.lifecycle.note_certificates import CertifiedTexts, certified_texts
from bedside.lifecycle.platform import Platform
from bedside.wiring.key_service import keys_of
from bedside.wiring.settings import settings_of

__all__ = ["certificate_signer", "texts_of"]


def certificate_signer(platform: Platform) -> ByteSigner:
    """What signs recall certificates here, and checks them."""
    from bedside.infra.keys.ed25519 import Ed25519Signer  # noqa: PLC0415
    from bedside.infra.keys.secrets import Secrets  # noqa: PLC0415

    keys = keys_of(settings_of(platform.folder), platform.clock)
    return Ed25519Signer(Secrets(platform.folder / "keys", keys).secret("certificates"))


def texts_of(platform: Platform, data: str, project: str, mode: ReleaseMode) -> CertifiedTexts:
    """The text columns of a data set that are certified now; see `certified_texts`."""
    return certified_texts(platform, data, certificate_signer(platform), project, mode)
