"""The tables of the vaults. Nothing in them names a person, or a stand-in, without a key."""

from sqlalchemy import Column, LargeBinary, MetaData, String, Table

__all__ = ["PSEUDONYMS", "SUBJECTS", "TABLES", "TAKEN", "VALUES"]

TABLES = MetaData()

# `tag` is an HMAC of the subject with the project's key. `wrapped` is the subject's own key under
# the project's, `sealed` the subject's numbers under that key. Both go when the subject is
# forgotten; then `proof` shows that this vault did it.
SUBJECTS = Table(
    "vault_subjects",
    TABLES,
    Column("project", String, primary_key=True),
    Column("tag", String, primary_key=True),
    Column("wrapped", LargeBinary),
    Column("sealed", LargeBinary),
    Column("forgotten_at", String),
    Column("proof", String),
)
# The way back. `subject` goes when it is forgotten, so that nothing joins the two any more; the
# table has no row numbers, which would tell who came after whom.
PSEUDONYMS = Table(
    "vault_pseudonyms",
    TABLES,
    Column("project", String, primary_key=True),
    Column("tag", String, primary_key=True),
    Column("subject", String, index=True),
    sqlite_with_rowid=False,
)
# `tag` is an HMAC of kind and value with the subject's key, `sealed` holds both and the stand-in.
VALUES = Table(
    "vault_values",
    TABLES,
    Column("project", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("tag", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
# Stand-ins that are given: an HMAC with the subject's key for those of one subject, with the
# project's for those that differ in all of it.
TAKEN = Table(
    "vault_taken",
    TABLES,
    Column("project", String, primary_key=True),
    Column("tag", String, primary_key=True),
    sqlite_with_rowid=False,
)
