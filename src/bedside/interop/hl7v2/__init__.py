"""HL7 version 2: messages, their segments and fields, acknowledgements, and MLLP frames."""
