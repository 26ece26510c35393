"""One resource of any type of FHIR R4, decoded as far as it is read here."""

import re
from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any

import msgspec

from bedside.interop.fhir_bulk.consents import Consent
from bedside.interop.fhir_bulk.drugs import (
    Medication,
    MedicationAdministration,
    MedicationDispense,
    MedicationRequest,
    MedicationStatement,
)
from bedside.interop.fhir_bulk.elements import ABSENT, Reference, Resource, is_given
from bedside.interop.fhir_bulk.resources import (
    AllergyIntolerance,
    AnyResource,
    Bundle,
    Condition,
    DiagnosticReport,
    DocumentReference,
    Encounter,
    Immunization,
    Observation,
    Patient,
    Procedure,
)

__all__ = ["READ", "Skipped", "Unreadable", "decode_resource", "decode_resources", "likely_patient"]

READ: tuple[type[AnyResource], ...] = (
    AllergyIntolerance,
    Bundle,
    Condition,
    Consent,
    DiagnosticReport,
    DocumentReference,
    Encounter,
    Immunization,
    Medication,
    MedicationAdministration,
    MedicationDispense,
    MedicationRequest,
    MedicationStatement,
    Observation,
    Patient,
    Procedure,
)
_OTHER = """
Account ActivityDefinition AdverseEvent Appointment AppointmentResponse AuditEvent Basic Binary
BiologicallyDerivedProduct BodyStructure CapabilityStatement CarePlan CareTeam CatalogEntry
ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem Communication
CommunicationRequest CompartmentDefinition Composition ConceptMap Contract Coverage
CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device DeviceDefinition
DeviceMetric DeviceRequest DeviceUseStatement DocumentManifest EffectEvidenceSynthesis Endpoint
EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceVariable
ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition Group
GuidanceResponse HealthcareService ImagingStudy ImmunizationEvaluation ImmunizationRecommendation
ImplementationGuide InsurancePlan Invoice Library Linkage List Location Measure MeasureReport Media
MedicationKnowledge MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication
MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction
MedicinalProductManufactured MedicinalProductPackaged MedicinalProductPharmaceutical
MedicinalProductUndesirableEffect MessageDefinition MessageHeader MolecularSequence NamingSystem
NutritionOrder ObservationDefinition OperationDefinition OperationOutcome Organization
OrganizationAffiliation Parameters PaymentNotice PaymentReconciliation Person PlanDefinition
Practitioner PractitionerRole Provenance Questionnaire QuestionnaireResponse RelatedPerson
RequestGroup ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject
RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter ServiceRequest Slot Specimen
SpecimenDefinition StructureDefinition StructureMap Subscription Substance SubstanceNucleicAcid
SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial
SubstanceSpecification SupplyDelivery SupplyRequest Task TerminologyCapabilities TestReport
TestScript ValueSet VerificationResult VisionPrescription
"""  # every other resource of R4 (HL7 FHIR R4, resource list)

_NO_JSON = "the record is not JSON in UTF-8"
LARGEST = 16 << 20  # bytes of one resource
_OBJECT, _WRONG = re.compile(r"^Object missing required field `(\w+)`"), re.compile(r"`\$(.*)`$")
_PATIENT = re.compile(rb'"reference"\s*:\s*"(?:[^"?#]*/)?Patient/([A-Za-z0-9.\-]{1,64})[/"]')


class Skipped(Resource, kw_only=True, tag="Skipped"):
    """A resource that gives no facts; it is still somebody's."""

    subject: msgspec.Raw = ABSENT
    patient: msgspec.Raw = ABSENT
    beneficiary: msgspec.Raw = ABSENT
    individual: msgspec.Raw = ABSENT
    for_: msgspec.Raw = msgspec.field(default=ABSENT, name="for")

    def whose(self) -> Reference | None:
        """Whom it is about, as far as one element says so."""
        for raw in (self.subject, self.patient, self.beneficiary, self.individual, self.for_):
            if is_given(raw):
                try:
                    return _REFERENCE.decode(raw)
                except (msgspec.MsgspecError, UnicodeError, RecursionError):
                    return None
        return None


_REFERENCE = msgspec.json.Decoder(Reference)
_SKIPPED = tuple(
    msgspec.defstruct(name, [], bases=(Skipped,), tag=name, gc=False) for name in _OTHER.split()
)
_DECODER: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(reduce(or_, (*READ, *_SKIPPED)))


class Unreadable(Exception):
    """A record is no resource. Its text says why, and nothing of what the record holds."""


def decode_resources(lines: Sequence[bytes]) -> list[AnyResource | Unreadable]:
    """The resource of each line, or why there is none."""
    if all(map(bytes.isascii, lines)) and sum(map(len, lines)) <= LARGEST:
        try:
            return list(map(_DECODER.decode, lines))
        except (msgspec.MsgspecError, RecursionError, ValueError):
            pass
    return [_one(line) for line in lines]


def _one(line: bytes) -> AnyResource | Unreadable:
    try:
        return decode_resource(line)
    except Unreadable as error:
        return error


def decode_resource(line: bytes) -> AnyResource:
    """One resource: one of `READ`, or a kind of `Skipped`.

    Raises:
        Unreadable: it is not JSON in UTF-8, not a resource of R4, too long or too deep, or an
            element that is read here is of a wrong type, has an unknown status or is missing.
    """
    if len(line) > LARGEST:
        raise Unreadable(f"the resource is longer than {LARGEST >> 20} MiB")
    try:
        line.decode()
        found: AnyResource = _DECODER.decode(line)
    except msgspec.ValidationError as error:
        raise Unreadable(_reason(str(error))) from None
    except RecursionError:
        raise Unreadable("the JSON is nested too deep") from None
    except (msgspec.MsgspecError, ValueError):
        raise Unreadable(_NO_JSON) from None
    return found


def likely_patient(line: bytes) -> str | None:
    """The one patient to whom an unreadable record seems to refer, so that it can be erased."""
    found = set(_PATIENT.findall(line[:LARGEST]))
    return found.pop().decode() if len(found) == 1 else None


def _reason(text: str) -> str:
    """Msgspec's words without the value that it may repeat."""
    place = _WRONG.search(text)
    where = _named(place.group(1)) if place else ""
    if "resourceType" in text:
        return "the record has no resourceType of FHIR R4"
    if missing := _OBJECT.match(text):
        return f"{where}{missing.group(1)} is missing"
    if text.startswith("Number out of range"):
        return "a number is too large"
    if text.startswith("Expected `object`") and not where:
        return "the record is not a JSON object"
    if text.startswith("Invalid enum value"):
        return f"{where.rstrip('.') or 'an element'} is not one of the values of FHIR R4"
    return f"{where.rstrip('.') or 'an element'} is of a wrong type"


def _named(path: str) -> str:
    """The path of an element without positions: `.code.coding[0].code` is `code.coding.code.`."""
    plain = re.sub(r"\[[^\]]*\]", "", path).strip(".")
    return f"{plain}." if plain else ""
