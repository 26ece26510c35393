"""`bedside deid`: taking out what identifies people, and measuring what risk is left."""

import typer

from bedside.cli.deid_certify import certificates, certify, labels, sample
from bedside.cli.deid_data import data
from bedside.cli.deid_dicom import dicom
from bedside.cli.deid_files import fhir, hl7, omop, table
from bedside.cli.deid_label import label
from bedside.cli.deid_risk import risk
from bedside.cli.deid_text import text, train

__all__ = ["deid_app"]

deid_app = typer.Typer(
    help="De-identify: data sets, files, notes, images; measure the risk that is left.",
    no_args_is_help=True,
)
deid_app.command()(data)
deid_app.command()(fhir)
deid_app.command()(hl7)
deid_app.command()(omop)
deid_app.command()(table)
deid_app.command()(risk)
deid_app.command()(dicom)
deid_app.command()(text)
deid_app.command()(train)
deid_app.command()(sample)
deid_app.command()(label)
deid_app.command()(certify)
deid_app.command()(certificates)
deid_app.command()(labels)
