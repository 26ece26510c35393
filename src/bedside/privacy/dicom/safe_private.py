"""Private attributes that PS3.15 itself lists as safe: numbers of the acquisition alone.

Source: PS3.15 table E.3.10-1. Only its numeric attributes are here; its texts are not kept.
"""

from pydicom import Dataset

__all__ = ["is_safe_private"]

_PHILIPS_PET, _GE, _GE_PARAMETERS = "Philips PET Private Group", "GEMS_ACQU_01", "GEMS_PARM_01"
_SIEMENS, _PHILIPS = "SIEMENS MR HEADER", "Philips Imaging DD 001"
_SAFE = frozenset(
    {
        (_PHILIPS_PET, 0x7053, 0x00),  # SUV factor
        (_PHILIPS_PET, 0x7053, 0x09),  # activity concentration scale factor
        ("ELSCINT1", 0x00E1, 0x21),  # dose length product
        ("ELSCINT1", 0x01E1, 0x50),  # acquisition duration
        (_GE, 0x0019, 0x23),  # table speed
        (_GE, 0x0019, 0x24),  # mid scan time
        (_GE, 0x0019, 0x27),  # rotation speed
        ("GEMS_SERS_01", 0x0025, 0x07),  # images in series
        (_GE_PARAMETERS, 0x0043, 0x39),  # b value
        (_SIEMENS, 0x0019, 0x0C),  # b value
        (_SIEMENS, 0x0019, 0x0E),  # direction of the diffusion gradient
        (_SIEMENS, 0x0019, 0x27),  # b matrix
        (_PHILIPS, 0x2001, 0x03),  # b factor
        ("Philips MR Imaging DD 001", 0x2005, 0x0D),  # scale intercept
        ("Philips MR Imaging DD 001", 0x2005, 0x0E),  # scale slope
    }
)
_CREATORS = frozenset((creator, group) for creator, group, _ in _SAFE)
_NUMERIC = frozenset({"DS", "IS", "FL", "FD", "US", "SS", "UL", "SL"})


def is_safe_private(dataset: Dataset, tag: int) -> bool:
    """Whether a private attribute, or what reserves the block of one, is on the list."""
    group, element = tag >> 16, tag & 0xFFFF
    if 0x10 <= element <= 0xFF:
        return (_creator(dataset, tag), group) in _CREATORS
    reserving = group << 16 | element >> 8
    if element < 0x1000 or reserving not in dataset:
        return False
    key = (_creator(dataset, reserving), group, element & 0xFF)
    return key in _SAFE and dataset[tag].VR in _NUMERIC


def _creator(dataset: Dataset, tag: int) -> str:
    return str(dataset[tag].value or "").strip(" \0")
