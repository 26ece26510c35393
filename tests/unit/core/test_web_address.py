"""Which addresses may be called, and that an error never repeats one."""

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError, Invalid
from bedside.core.web_address import WebAddress

FIT = [
    ("https://fhir.example.org/r4", ("https", "fhir.example.org", 443)),
    ("https://FHIR.example.org:8443", ("https", "fhir.example.org", 8443)),
    ("http://127.0.0.1:8080/fhir?a=b@c", ("http", "127.0.0.1", 8080)),
    ("http://localhost/fhir", ("http", "localhost", 80)),
    ("http://[::1]:8080/fhir", ("http", "::1", 8080)),
]
UNFIT = [
    "", "fhir.example.org", "ftp://fhir.example.org", "file:///etc/passwd", "https://",
    "http://fhir.example.org/r4", "http://127.0.0.1.example.org", "http://localhost.example.org",
    "http://0.0.0.0/", "http://2130706433/", "http://127.1/", "http://169.254.169.254/",
    "https://ward:secret@fhir.example.org", "https://ward@fhir.example.org", "https://@fhir.example",
    "https://fhir.example.org/#frag", "https://fhir.example.org:99999/", "https://fhir.example:x/",
    "https://fhir.example.org/ r4", "https://fhir.example.org/\n", "https:\\\\fhir.example.org",
    "http://127.0.0.1\\@fhir.example.org/", "https://[::1", "https://fhir.exämple/",
    "https://fhir.example.org/" + "a" * 9000,
]  # fmt: skip


@pytest.mark.parametrize(("url", "expected"), FIT)
def test_an_address_that_is_fit_is_taken_apart(url, expected):
    address = WebAddress.read(url, what="It")

    assert (address.scheme, address.host, address.port) == expected
    assert address.url == url


@pytest.mark.parametrize("url", UNFIT)
def test_an_address_that_is_unfit_is_refused_and_not_repeated(url):
    with pytest.raises(Invalid) as refused:
        WebAddress.read(url, what="It")

    assert refused.value.code == "address_unfit"
    assert "secret" not in str(refused.value)


def test_a_link_is_followed_from_where_it_stands():
    base = WebAddress.read("https://fhir.example.org/r4/Patient?_count=5", what="It")

    assert (
        base.join("Patient?page=2", what="It").url == "https://fhir.example.org/r4/Patient?page=2"
    )
    assert base.join("/r4", what="It").same_origin(base)
    assert not base.join("//other.example/r4", what="It").same_origin(base)
    assert not base.join("https://fhir.example.org:444/", what="It").same_origin(base)
    with pytest.raises(Invalid):
        base.join("http://fhir.example.org/r4", what="It")


signs = st.text("ahtps:/@\\?#[]1.07%2f localhost", max_size=40)


@settings(max_examples=200, deadline=None)
@example("http://127.0.0.1%2f@evil.example")
@example("http://127.0.0.1:80:80/")
@given(st.one_of(st.text(max_size=60), signs.map("http://127.0.0.1".__add__), signs))
def test_whatever_is_fit_is_read_the_same_by_the_library_that_calls_it(text):
    try:
        address = WebAddress.read(text, what="It")
        called = httpx.URL(address.url)
    except (BedsideError, httpx.InvalidURL):
        return  # it cannot be called at all
    assert called.host == address.host
    assert (called.port or {"http": 80, "https": 443}[called.scheme]) == address.port
