"""The MLLP listener: receives HL7 v2 messages, and answers once they are durable."""
