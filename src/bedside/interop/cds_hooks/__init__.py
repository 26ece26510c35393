"""CDS Hooks 2.0: discovery, the patient-view call, cards and feedback."""
