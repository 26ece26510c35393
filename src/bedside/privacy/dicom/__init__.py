"""De-identification of DICOM: the Basic Profile of PS3.15 Annex E with its options, and pixels."""
